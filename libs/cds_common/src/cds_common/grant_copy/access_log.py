"""Who read what: one row per answered data request, committed before the answer; published in batches and chained by hash."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import exact_json
from cds_common.batches import shares
from cds_common.db import Sessions
from cds_common.events.grants import AccessesLoggedV1, LoggedAccess
from cds_common.faults import DATABASE_FAULTS
from cds_common.grant_copy.access import Access
from cds_common.grant_copy.readiness import DataService
from cds_common.grant_copy.tables import TABLES
from cds_common.hot_sql import hot_batch
from cds_common.outbox import record_events
from cds_common.telemetry import untraced

log = structlog.get_logger(__name__)

MAX_OBJECT_IDS = 1000
_BATCH = 500
_IDS_IN_A_MESSAGE = 15_000
"""Of objects and Grants, about: some 600 kB."""
_LOCK = 0x6163_6C6F_67  # "aclog": one publisher at a time, or the chain would fork


async def log_access(session: AsyncSession, access: Access, *, endpoint: str, object_ids: Sequence[UUID]) -> None:
    """Record a read; nothing is recorded when no object was returned.

    The row is committed when this returns, in one commit with those of other requests; in a transaction that the caller has begun at the
    database, when that commits. Either is before the answer leaves.

    `object_count` keeps the true number when more than 1,000 objects were shown.
    """
    if not object_ids:
        return
    values = (
        endpoint, access.environment, access.client_id, access.token_id, list(access.grant_ids), len(object_ids),
        list(object_ids[:MAX_OBJECT_IDS]),
    )  # fmt: skip
    await hot_batch(session, _insert, values)


async def _insert(driver: asyncpg.Connection, rows: Sequence[tuple[Any, ...]]) -> Sequence[None]:
    """All rows or none: one round trip and, outside of a transaction, one commit."""
    await driver.executemany(_INSERT, rows)
    return [None] * len(rows)


class AccessLogPublisher:
    """Moves rows of `access_log` to the outbox in batches, once each, and gives them their place in the hash chain.

    A row's hash covers its content and the hash before it: a row that was changed or taken out later shows.
    """

    def __init__(self, sessions: Sessions, *, service: DataService, pause_seconds: float = 1.0) -> None:
        self._sessions, self._pause = sessions, pause_seconds
        self._service: DataService = service

    async def run(self) -> None:
        """Publish until cancelled; a database that is away is waited for."""
        while True:
            try:
                full = await self._has_rows() and await self.publish_batch() == _BATCH
            except DATABASE_FAULTS as error:
                log.warning("access_log_waits", error_type=type(error).__name__)
                full = False
            if not full:
                await asyncio.sleep(self._pause)

    async def _has_rows(self) -> bool:
        with untraced():
            async with self._sessions() as session:
                return bool(await session.scalar(_PENDING))

    async def publish_batch(self) -> int:
        """Publish up to 500 rows in one transaction; return how many."""
        rows_of = TABLES.access_log
        async with self._sessions.begin() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                return 0
            pending = select(rows_of).where(rows_of.c.chain_no.is_(None)).order_by(rows_of.c.id).limit(_BATCH)
            rows = (await session.execute(pending)).all()
            if not rows:
                return 0
            last = select(rows_of.c.chain_no, rows_of.c.chain_hash).where(rows_of.c.chain_no.is_not(None))
            previous = (await session.execute(last.order_by(rows_of.c.chain_no.desc()).limit(1))).first()
            number, digest = (previous.chain_no, previous.chain_hash) if previous else (0, b"")
            hashes: list[bytes] = []
            for row in rows:
                digest = chain_hash(digest, row)
                hashes.append(digest)
            numbers = list(range(number + 1, number + 1 + len(rows)))
            await session.execute(_CHAIN, {"row_ids": [row.id for row in rows], "numbers": numbers, "hashes": hashes})
            record_events(session, [self._event(some) for some in shares(map(_logged, rows), _ids, _IDS_IN_A_MESSAGE)])
        return len(rows)

    def _event(self, accesses: list[LoggedAccess]) -> AccessesLoggedV1:
        return AccessesLoggedV1(service=self._service, accesses=accesses)


def _logged(row: Any) -> LoggedAccess:
    return LoggedAccess(
        at=row.at, endpoint=row.endpoint, environment=row.environment, client_id=row.client_id, token_id=row.token_id,
        grant_ids=row.grant_ids, object_count=row.object_count, object_ids=row.object_ids,
    )  # fmt: skip


def _ids(access: LoggedAccess) -> int:
    # What else an access says takes the room of ten ids.
    return 10 + len(access.grant_ids) + len(access.object_ids)


_PENDING = text("SELECT EXISTS (SELECT FROM access_log WHERE chain_no IS NULL)")
_INSERT = (
    "INSERT INTO access_log (endpoint, environment, client_id, token_id, grant_ids, object_count, object_ids)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
_CHAIN = text(
    "UPDATE access_log AS a SET chain_no = u.no, chain_hash = u.hash"
    " FROM unnest(CAST(:row_ids AS bigint[]), CAST(:numbers AS bigint[]), CAST(:hashes AS bytea[])) AS u (id, no, hash) WHERE a.id = u.id"
)


def chain_hash(previous: bytes, row: Any) -> bytes:
    """SHA-256 over the hash before and the row's content in a fixed form."""
    content = [
        row.id, row.at.isoformat(), row.endpoint, row.environment, row.client_id, row.token_id, list(row.grant_ids), row.object_count,
        [str(one) for one in row.object_ids],
    ]  # fmt: skip
    return hashlib.sha256(previous + exact_json.encode(content)).digest()


async def find_broken_link(session: AsyncSession) -> int | None:
    """Walk the chain from its start; the `chain_no` of the first row that does not fit, or None."""
    rows_of = TABLES.access_log
    expected, digest = 1, b""
    chained = select(rows_of).where(rows_of.c.chain_no.is_not(None)).order_by(rows_of.c.chain_no)
    async for row in await session.stream(chained, execution_options={"yield_per": 1000}):
        digest = chain_hash(digest, row)
        if row.chain_no != expected or row.chain_hash != digest:
            return expected
        expected += 1
    return None
