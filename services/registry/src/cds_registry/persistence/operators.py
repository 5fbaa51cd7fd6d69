"""Operator accounts and their console sessions in the database."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.persistence.tables import OperatorRow, OperatorSessionRow


async def find_operator(session: AsyncSession, name: str) -> OperatorRow | None:
    """An account that may work, by name."""
    return await session.scalar(select(OperatorRow).where(OperatorRow.name == name, OperatorRow.disabled_at.is_(None)))


async def find_operator_by_key(session: AsyncSession, key_hash: str) -> OperatorRow | None:
    """An account that may work, by the hash of its key."""
    return await session.scalar(select(OperatorRow).where(OperatorRow.key_hash == key_hash, OperatorRow.disabled_at.is_(None)))


async def find_operator_by_session(session: AsyncSession, session_hash: str, now: datetime) -> OperatorRow | None:
    """Who is logged in with this session."""
    query = (
        select(OperatorRow)
        .join(OperatorSessionRow, OperatorSessionRow.operator == OperatorRow.name)
        .where(OperatorSessionRow.session_hash == session_hash, OperatorSessionRow.expires > now, OperatorRow.disabled_at.is_(None))
    )
    return await session.scalar(query)


async def open_session(session: AsyncSession, *, session_hash: str, operator: str, now: datetime, expires: datetime) -> None:
    """Remember a login; expired ones are forgotten by the way."""
    await session.execute(delete(OperatorSessionRow).where(OperatorSessionRow.expires <= now))
    session.add(OperatorSessionRow(session_hash=session_hash, operator=operator, created=now, expires=expires))
    await session.flush()


async def close_session(session: AsyncSession, session_hash: str) -> None:
    """Forget a login."""
    await session.execute(delete(OperatorSessionRow).where(OperatorSessionRow.session_hash == session_hash))
