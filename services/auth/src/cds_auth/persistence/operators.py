"""Rows of `operator_key` and `operator_audit`."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.tables import operator_audit, operator_key

_CHAIN_LOCK = 0x0CD5_A0D1
_ORIGIN = b"\x00" * 32


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts."""

    key_id: str
    name: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One recorded act."""

    id: int
    at: datetime
    operator: str
    action: str
    target: str
    note: str


class Operators:
    """Keys and the record of acts, on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def add_key(self, key_id: str, name: str, key_hash: bytes, *, now: datetime, expires: datetime | None) -> None:
        """A new key."""
        values = {"key_id": key_id, "name": name, "key_hash": key_hash, "created": now, "expires": expires}
        await self._tx.execute(insert(operator_key).values(values))

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """End a key; False when there is none that works."""
        t = operator_key
        query = update(t).where(t.c.key_id == key_id, t.c.revoked.is_(None)).values(revoked=now).returning(t.c.key_id)
        return await self._tx.scalar(query) is not None

    async def find_by_hash(self, key_hash: bytes, now: datetime) -> Operator | None:
        """The operator whose working key has this hash."""
        t = operator_key
        alive = t.c.revoked.is_(None) & (t.c.expires.is_(None) | (t.c.expires > now))
        row = (await self._tx.execute(select(t.c.key_id, t.c.name).where(t.c.key_hash == key_hash, alive))).first()
        return None if row is None else Operator(row[0], row[1])

    async def record(self, operator: str, action: str, target: str, note: str, now: datetime) -> None:
        """Add an act to the chain."""
        t = operator_audit
        await self._tx.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
        previous = await self._tx.scalar(select(t.c.hash).order_by(t.c.id.desc()).limit(1)) or _ORIGIN
        values = {"at": now, "operator": operator, "action": action, "target": target, "note": note, "previous_hash": previous}
        await self._tx.execute(insert(t).values(values | {"hash": _link(previous, now, operator, action, target, note)}))

    async def list_acts(self, target: str | None, limit: int) -> list[AuditEntry]:
        """The newest acts, of one target or of all."""
        t = operator_audit
        query = select(t.c.id, t.c.at, t.c.operator, t.c.action, t.c.target, t.c.note)
        if target is not None:
            query = query.where(t.c.target == target)
        rows = (await self._tx.execute(query.order_by(t.c.id.desc()).limit(limit))).mappings()
        return [AuditEntry(**row) for row in rows]

    async def first_broken_link(self) -> int | None:
        """The id of the first act that was changed or follows a gap, None when the chain is whole."""
        t = operator_audit
        previous = _ORIGIN
        query = select(t.c.id, t.c.at, t.c.operator, t.c.action, t.c.target, t.c.note, t.c.previous_hash, t.c.hash).order_by(t.c.id)
        for row in (await self._tx.execute(query)).all():
            if row.previous_hash != previous or row.hash != _link(previous, row.at, row.operator, row.action, row.target, row.note):
                return int(row.id)
            previous = row.hash
        return None


def _link(previous: bytes, at: datetime, operator: str, action: str, target: str, note: str) -> bytes:
    parts = [previous, at.isoformat().encode(), *(text.encode() for text in (operator, action, target, note))]
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(framed).digest()
