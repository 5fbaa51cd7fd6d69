"""The audit log: append-only, each entry holds the hash of the one before, so that a removed or changed one shows."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import exact_json
from cds_registry.persistence.tables import AuditRow

FIRST = "0" * 64
_LOCK = 0x0CD5_A0D1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What happened: `actor` is `operator:<name>`, `client:<client_id>`, `address:<network address>` or `server`."""

    at: datetime
    actor: str
    action: str
    registration_id: str | None = None
    subject: str | None = None
    detail: Mapping[str, Any] | None = None


async def append(session: AsyncSession, entry: AuditEntry) -> None:
    """Add an entry. Writers wait for each other until the commit, so call it last in a transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    last = await session.scalar(select(AuditRow.hash).order_by(AuditRow.position.desc()).limit(1))
    previous = last or FIRST
    detail = exact_json.encode_text(dict(entry.detail or {}))
    session.add(
        AuditRow(
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            registration_id=entry.registration_id,
            subject=entry.subject,
            detail=detail,
            previous_hash=previous,
            hash=_hash(previous, entry, detail),
        )
    )
    await session.flush()


async def first_break(session: AsyncSession) -> int | None:
    """The position of the first entry that does not fit the chain, or None when the whole log is sound."""
    previous = FIRST
    async for row in _all_rows(session):
        entry = AuditEntry(row.at, row.actor, row.action, row.registration_id, row.subject)
        if row.previous_hash != previous or row.hash != _hash(previous, entry, row.detail):
            return row.position
        previous = row.hash
    return None


async def _all_rows(session: AsyncSession) -> AsyncIterator[AuditRow]:
    position = 0
    while True:
        query = select(AuditRow).where(AuditRow.position > position).order_by(AuditRow.position).limit(1000)
        rows = (await session.scalars(query)).all()
        for row in rows:
            yield row
        if not rows:
            return
        position = rows[-1].position


def _hash(previous: str, entry: AuditEntry, detail: str) -> str:
    moment = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    facts = [previous, moment, entry.actor, entry.action, entry.registration_id, entry.subject, detail]
    return hashlib.sha256(exact_json.encode(facts)).hexdigest()
