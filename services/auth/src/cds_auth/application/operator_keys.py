"""Keys of the operator API: 256 random bits, shown once, kept as a hash."""

import secrets
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.token import new_secret, secret_hash
from cds_auth.persistence.operators import Operator, Operators

PREFIX = "cdsop_"


async def create_operator_key(tx: AsyncSession, name: str, *, now: datetime, expires: datetime | None) -> tuple[str, str]:
    """A new key for the operator `name`; gives its id and the key itself, which nobody can read again."""
    key_id, key = secrets.token_hex(6), PREFIX + new_secret()
    await Operators(tx).add_key(key_id, name, secret_hash(key), now=now, expires=expires)
    await Operators(tx).record(name, "operator_key.create", key_id, "", now)
    return key_id, key


async def find_operator(tx: AsyncSession, key: str, now: datetime) -> Operator | None:
    """Who holds `key`; the look-up is by its hash, so the time tells nothing about other keys."""
    return await Operators(tx).find_by_hash(secret_hash(key), now) if key.startswith(PREFIX) and len(key) <= 200 else None
