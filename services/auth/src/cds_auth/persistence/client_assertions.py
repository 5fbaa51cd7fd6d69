"""Rows of `client_assertion`: an assertion authenticates once (RFC 7523 §3, RFC 9700 §2.5)."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.tables import client_assertion as t


class ClientAssertions:
    """Repository on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def use(self, client_id: str, jti_hash: bytes, expires: datetime) -> bool:
        """Record the use; False when the same assertion was used before."""
        row = insert(t).values(client_id=client_id, jti_hash=jti_hash, expires=expires).on_conflict_do_nothing()
        return await self._tx.scalar(row.returning(t.c.jti_hash)) is not None
