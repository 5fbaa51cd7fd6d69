"""Subjects whose published form may be out of date: written with the change, worked off after its commit.

Working them off one after another, and after the commit, is what makes out-of-order arrival right: of two related changes
in two transactions, the one that commits last has an entry here that is handled when both are visible.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import bindparam, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.tables import refresh_queue
from cds_common.events.resources import ResourceKind

SubjectKind = ResourceKind | Literal["grant", "aggregation"]

BATCH = 300
LONGEST_PAUSE = timedelta(minutes=5)
_DUE = or_(refresh_queue.c.retry_at.is_(None), refresh_queue.c.retry_at <= bindparam("now", type_=refresh_queue.c.retry_at.type))
_HAS_WORK = select(select(refresh_queue.c.id).where(_DUE).exists())
"""Asked four times a second: made once."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An entry of the queue."""

    queue_id: int
    kind: str
    subject: str
    attempts: int


class RefreshQueue:
    """The queue of this service, in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, kind: SubjectKind, subjects: Iterable[object]) -> None:
        """Have `subjects` looked at after this transaction."""
        rows = [{"kind": kind, "subject": str(subject)} for subject in subjects]
        if rows:
            await self._session.execute(insert(refresh_queue), rows)

    async def has_work(self, now: datetime) -> bool:
        """Whether an entry is due."""
        return bool(await self._session.scalar(_HAS_WORK, {"now": now}))

    async def take(self, now: datetime) -> list[Queued]:
        """The oldest entries, locked for this transaction; those that failed lately wait their time."""
        statement = select(refresh_queue).where(_DUE).order_by(refresh_queue.c.id).limit(BATCH).with_for_update(skip_locked=True)
        return [Queued(row.id, row.kind, row.subject, row.attempts) for row in (await self._session.execute(statement, {"now": now})).all()]

    async def done(self, entries: Iterable[Queued]) -> None:
        """Take entries out."""
        ids = [entry.queue_id for entry in entries]
        if ids:
            await self._session.execute(delete(refresh_queue).where(refresh_queue.c.id == func.any(ids)))

    async def failed(self, kind: SubjectKind, subject: str, attempts: int, now: datetime) -> None:
        """Try `subject` again after a growing pause; nothing is forgotten and the rest goes on."""
        pause = min(timedelta(seconds=2 ** min(attempts, 9)), LONGEST_PAUSE)
        await self._session.execute(insert(refresh_queue).values(kind=kind, subject=subject, attempts=attempts + 1, retry_at=now + pause))
