"""Rows of `signing_key`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.tables import signing_key as t

_LOCK = 0x0CD5_5160


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key with its private part still encrypted."""

    kid: str
    private_key: bytes
    public_jwk: dict[str, Any]
    signs_from: datetime
    published_until: datetime | None


class SigningKeys:
    """Repository on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def lock(self) -> None:
        """Let only one process at a time make keys."""
        await self._tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    async def list_published(self, now: datetime) -> list[StoredKey]:
        """Keys that are or may be in use, oldest first."""
        query = select(t.c.kid, t.c.private_key, t.c.public_jwk, t.c.signs_from, t.c.published_until)
        query = query.where(or_(t.c.published_until.is_(None), t.c.published_until > now)).order_by(t.c.signs_from, t.c.seq)
        return [StoredKey(**row) for row in (await self._tx.execute(query)).mappings()]

    async def add(self, key: StoredKey, created: datetime) -> None:
        """Insert a new key."""
        values = {
            "kid": key.kid,
            "private_key": key.private_key,
            "public_jwk": key.public_jwk,
            "created": created,
            "signs_from": key.signs_from,
            "published_until": key.published_until,
        }
        await self._tx.execute(insert(t).values(values))

    async def retire(self, kids: list[str], published_until: datetime) -> None:
        """Take keys out of the key set at `published_until`, when their last token has run out."""
        await self._tx.execute(update(t).where(t.c.kid.in_(kids), t.c.published_until.is_(None)).values(published_until=published_until))

    async def reencrypt(self, kid: str, private_key: bytes) -> None:
        """Store the same key under another encryption key."""
        await self._tx.execute(update(t).where(t.c.kid == kid).values(private_key=private_key))
