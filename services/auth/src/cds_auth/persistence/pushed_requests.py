"""Rows of `pushed_request` (RFC 9126)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.persistence.tables import pushed_request as t


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """A pushed request as stored."""

    pushed_id: UUID
    client_id: str
    request: AuthorizationRequest
    expires: datetime
    used: datetime | None


class PushedRequests:
    """Repository on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def add(self, pushed_id: UUID, uri_hash: bytes, request: AuthorizationRequest, *, now: datetime, expires: datetime) -> None:
        """Keep a validated request until it is opened or runs out."""
        values = {
            "pushed_id": pushed_id,
            "uri_hash": uri_hash,
            "client_id": request.client_id,
            "request": request.to_json(),
            "created": now,
            "expires": expires,
        }
        await self._tx.execute(insert(t).values(values))

    async def find_for_update(self, uri_hash: bytes) -> PushedRequest | None:
        """The request behind a request_uri, locked, so that two browsers cannot both be the first."""
        query = select(t.c.pushed_id, t.c.client_id, t.c.request, t.c.expires, t.c.used).where(t.c.uri_hash == uri_hash)
        row = (await self._tx.execute(query.with_for_update())).mappings().first()
        if row is None:
            return None
        request = AuthorizationRequest.from_json(row["request"])
        return PushedRequest(row["pushed_id"], row["client_id"], request, row["expires"], row["used"])

    async def mark_used(self, pushed_id: UUID, now: datetime) -> None:
        """It was opened."""
        await self._tx.execute(update(t).where(t.c.pushed_id == pushed_id).values(used=now))
