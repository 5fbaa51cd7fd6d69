"""Deletes what has run out, in portions."""

from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.tables import authorization_code, client_assertion, pushed_request, refresh_token

_PORTION = 5000
_CODE_MEMORY = timedelta(days=1)
"""A replayed code still ends its tokens for a day."""
_REFRESH_MEMORY = timedelta(days=30)
"""A replayed refresh token still ends its family for so long."""


async def sweep(tx: AsyncSession, now: datetime) -> int:
    """Delete one portion of each kind; returns how many rows went."""
    used_up = refresh_token.c.used < now - _REFRESH_MEMORY
    gone = 0
    for table, key, over in (
        (authorization_code, authorization_code.c.code_hash, authorization_code.c.expires < now - _CODE_MEMORY),
        (pushed_request, pushed_request.c.pushed_id, pushed_request.c.expires < now - _CODE_MEMORY),
        (client_assertion, client_assertion.c.jti_hash, client_assertion.c.expires < now),
        (refresh_token, refresh_token.c.token_hash, or_(refresh_token.c.expires < now, used_up)),
    ):
        result = await tx.execute(delete(table).where(key.in_(select(key).where(over).limit(_PORTION))))
        gone += result.rowcount if isinstance(result, CursorResult) else 0
    return gone
