"""The access log as an operator reads it: who read what, newest first, and whether the record is whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.grant_copy.access_log import chain_hash
from cds_common.grant_copy.tables import TABLES
from cds_common.ids import Environment

ROWS_PER_CHECK = 20_000
"""Rows that one call checks: well inside the time of an internal call."""


@dataclass(frozen=True, slots=True)
class ReadsWanted:
    """What is looked for; None = any. A read matches that went through one of `grant_ids` or showed one of `object_ids`.

    `after` is inclusive, `before` exclusive; `older_than` is the place in the chain where the page before ended.
    """

    environment: Environment | None = None
    client_id: str | None = None
    grant_ids: Sequence[str] | None = None
    object_ids: Sequence[UUID] | None = None
    endpoint: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    older_than: int | None = None


async def find_reads(session: AsyncSession, wanted: ReadsWanted, limit: int) -> Sequence[Any]:
    """Rows of `access_log`, newest first. The newest second may be missing: a row is found once it has its place in the chain."""
    rows = TABLES.access_log.c
    conditions = [rows.chain_no.is_not(None)]
    equal = {"environment": wanted.environment, "client_id": wanted.client_id, "endpoint": wanted.endpoint}
    conditions += [rows[name] == value for name, value in equal.items() if value is not None]
    subject = []
    if wanted.grant_ids is not None:
        subject.append(rows.grant_ids.overlap(list(wanted.grant_ids)))
    if wanted.object_ids is not None:
        subject.append(rows.object_ids.overlap(list(wanted.object_ids)))
    if subject:
        conditions.append(or_(*subject))
    if wanted.after is not None:
        conditions.append(rows.at >= wanted.after)
    if wanted.before is not None:
        conditions.append(rows.at < wanted.before)
    if wanted.older_than is not None:
        conditions.append(rows.chain_no < wanted.older_than)
    found = await session.execute(select(TABLES.access_log).where(*conditions).order_by(rows.chain_no.desc()).limit(limit))
    return found.all()


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """How far the chain was checked. `broken_at`: the first place that does not fit; `done`: there is nothing after `checked_to`.

    Rows that were cut off at the end do not show: compare `checked_to` and `digest` with what an earlier check noted.
    """

    checked_to: int
    digest: str
    broken_at: int | None
    done: bool


async def check_chain(session: AsyncSession, *, after: int = 0, count: int = ROWS_PER_CHECK) -> ChainCheck:
    """Check up to `count` rows after place `after`, whose own row was checked by the call before."""
    table = TABLES.access_log
    before = await session.scalar(select(table.c.chain_hash).where(table.c.chain_no == after)) if after else b""
    if before is None:
        return ChainCheck(after, "", after, done=True)
    digest, expected = before, after
    chained = select(table).where(table.c.chain_no > after).order_by(table.c.chain_no).limit(count)
    async for row in await session.stream(chained, execution_options={"yield_per": 1000}):
        found = chain_hash(digest, row)
        if row.chain_no != expected + 1 or row.chain_hash != found:
            return ChainCheck(expected, digest.hex(), expected + 1, done=True)
        digest, expected = found, row.chain_no
    return ChainCheck(expected, digest.hex(), None, done=expected - after < count)
