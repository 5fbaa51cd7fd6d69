"""A new signing key of access tokens, ordered at the console; auth holds the keys."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.adapters.auth import AuthService
from cds_registry.persistence.audit import AuditEntry, append


async def rotate_signing_key(session: AsyncSession, *, at_once: bool, note: str, auth: AuthService, operator: str, now: datetime) -> str:
    """Have auth make a new key; `at_once` ends every token of the old one. Gives the new key's id.

    Raises:
        TransientError: auth is not reachable; no key is made, or one that nothing here tells of.
    """
    kid = await auth.rotate_keys(at_once=at_once, note=note, operator=operator)
    await append(session, AuditEntry(now, f"operator:{operator}", "signing_key.rotated", None, kid, {"at_once": at_once, "note": note}))
    return kid
