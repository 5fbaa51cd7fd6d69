"""Authorization requests on their way to a decision, bound to one browser each."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.customer_tables import BrowserSessionRow, ConsentRequestRow


async def add_request(tx: AsyncSession, row: ConsentRequestRow) -> None:
    """Store a new request."""
    tx.add(row)
    await tx.flush()


async def find_request(tx: AsyncSession, txn: str, session_hash: bytes, *, lock: bool = False) -> ConsentRequestRow | None:
    """The request, for the browser that opened it only. With `lock`, a second submit waits here for the first."""
    statement = select(ConsentRequestRow).where(ConsentRequestRow.txn == txn, ConsentRequestRow.session_hash == session_hash)
    return await tx.scalar(statement.with_for_update() if lock else statement)


async def find_request_of_push(tx: AsyncSession, pushed_id: UUID, session_hash: bytes) -> ConsentRequestRow | None:
    """The request that this browser made of a pushed one."""
    return await tx.scalar(
        select(ConsentRequestRow).where(ConsentRequestRow.pushed_id == pushed_id, ConsentRequestRow.session_hash == session_hash).limit(1)
    )


async def move_requests(tx: AsyncSession, old_hash: bytes, new_hash: bytes) -> None:
    """Bind the open requests of a browser to its new session id."""
    await tx.execute(update(ConsentRequestRow).where(ConsentRequestRow.session_hash == old_hash).values(session_hash=new_hash))


async def find_session(tx: AsyncSession, session_hash: bytes) -> BrowserSessionRow | None:
    """The session with this hash, however old."""
    return await tx.get(BrowserSessionRow, session_hash)


async def add_session(tx: AsyncSession, row: BrowserSessionRow) -> None:
    """Store a new session."""
    tx.add(row)
    await tx.flush()


async def drop_session(tx: AsyncSession, session_hash: bytes) -> None:
    """End a session at once."""
    await tx.execute(delete(BrowserSessionRow).where(BrowserSessionRow.session_hash == session_hash))


async def drop_expired(tx: AsyncSession, *, requests_before: datetime, sessions_before: datetime) -> None:
    """Forget undecided and decided requests that ran out, and sessions that nobody came back to."""
    await tx.execute(delete(ConsentRequestRow).where(ConsentRequestRow.expires < requests_before))
    await tx.execute(delete(BrowserSessionRow).where(BrowserSessionRow.last_seen < sessions_before))
