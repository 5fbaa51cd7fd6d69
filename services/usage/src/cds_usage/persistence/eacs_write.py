"""Versions of Energy Attribute Certificates, append-only by the moment at which the source said them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_usage.persistence.tables import eac_version

_DATA = ("beneficiary_type", "beneficiaries", "eac_numbers", "eac_format", "content", "content_type", "period_start", "period_end")


async def store_eac(session: AsyncSession, eac_id: UUID, source_time: datetime, values: dict[str, Any], now: datetime) -> None:
    """Add a version, or confirm the newest one (`synced`); the newest by the source's moment is the present one."""
    # The lock orders two first versions of one certificate, which have no row to lock yet.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(eac_id), 9))))
    table = eac_version
    newest = (await session.execute(select(table).where(table.c.eac_id == eac_id, table.c.newest).with_for_update())).one_or_none()
    if newest is not None and all(getattr(newest, name) == values[name] for name in _DATA) and source_time >= newest.source_time:
        mine = (table.c.eac_id == eac_id) & table.c.newest
        await session.execute(update(table).where(mine).values(synced=func.greatest(table.c.synced, source_time)))
        return
    becomes_newest = newest is None or source_time >= newest.synced
    if newest is not None and becomes_newest:
        await session.execute(update(table).where(table.c.eac_id == eac_id).values(newest=False))
    created = newest.created if newest is not None else now
    row = insert(table).values(
        eac_id=eac_id, source_time=source_time, newest=becomes_newest, created=created, modified=now, synced=source_time, **values
    )
    replaced = {name: row.excluded[name] for name in (*_DATA, "newest", "modified", "synced")}
    await session.execute(row.on_conflict_do_update(index_elements=["eac_id", "source_time"], set_=replaced))
    if newest is not None and newest.source_time < source_time < newest.synced:
        await _repeat(session, newest)


async def _repeat(session: AsyncSession, newest: Any) -> None:
    """What was confirmed after a version that only came now is valid again from that confirmation."""
    table, kept = eac_version, {name: getattr(newest, name) for name in (*_DATA, "environment", "created", "modified", "synced")}
    await session.execute(update(table).where(table.c.eac_id == newest.eac_id).values(newest=False))
    await session.execute(insert(table).values(eac_id=newest.eac_id, source_time=newest.synced, newest=True, **kept))
