"""Wrong invite codes by network address: the one secret here that a person may have chosen, so guesses outlive a restart."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.persistence.tables import RefusedInviteRow

COUNTED = timedelta(hours=1)


async def free_again(session: AsyncSession, address: str, *, limit: int, now: datetime) -> datetime | None:
    """When this address may try a code again; None while it has had fewer than `limit` refusals within the hour."""
    query = (
        select(RefusedInviteRow.at)
        .where(RefusedInviteRow.address == address, RefusedInviteRow.at > now - COUNTED)
        .order_by(RefusedInviteRow.at.desc())
        .offset(limit - 1)
        .limit(1)
    )
    oldest = await session.scalar(query)
    return None if oldest is None else oldest + COUNTED


async def count_refused(session: AsyncSession, address: str, now: datetime) -> None:
    """Remember a refusal; what no longer counts is forgotten."""
    await session.execute(delete(RefusedInviteRow).where(RefusedInviteRow.at <= now - COUNTED))
    session.add(RefusedInviteRow(address=address, at=now))
    await session.flush()
