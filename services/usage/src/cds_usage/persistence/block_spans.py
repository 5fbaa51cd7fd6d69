"""The extents of all stored blocks of one owner, from which its segments can be built anew."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.ids import Environment
from cds_usage.domain.segments import Group
from cds_usage.domain.series import OwnerKind
from cds_usage.persistence.tables import day_block, day_block_history, series


class BlockSpan(NamedTuple):
    """Where a block lies and when it was stored."""

    group: Group
    kind_id: int
    first: int
    end: int
    source_min: int
    created: datetime
    modified: datetime
    synced: datetime


async def block_spans(session: AsyncSession, owner_id: UUID) -> AsyncIterator[BlockSpan]:
    """Walk over the blocks of an owner."""
    block, old = day_block.c, day_block_history.c
    same = and_(*(old[name] == block[name] for name in ("owner_id", "series_id", "day", "interval_seconds", "phase")))
    earliest = func.least(block.source_min, select(func.min(old.source_min)).where(same).scalar_subquery())
    statement = (
        select(
            series.c.environment, series.c.owner_kind, series.c.meter_device_id, series.c.kind_id, block.interval_seconds, block.first_s,
            block.count, earliest.label("source_min"), block.created, block.modified, block.synced,
        )
        .join_from(series, day_block, (block.owner_id == series.c.owner_id) & (block.series_id == series.c.series_id))
        .where(series.c.owner_id == owner_id, block.owner_id == owner_id)
    )  # fmt: skip
    for row in await session.execute(statement):
        environment, owner_kind = cast("Environment", row.environment), cast("OwnerKind", row.owner_kind)
        group = Group(environment, owner_kind, owner_id, row.meter_device_id, row.interval_seconds)
        end = row.first_s + row.count * row.interval_seconds
        yield BlockSpan(group, row.kind_id, row.first_s, end, row.source_min, row.created, row.modified, row.synced)
