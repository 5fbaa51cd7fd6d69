"""The inbox for a whole batch: which of its messages are new, in one statement."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_CLAIM = text("""
    INSERT INTO inbox (consumer, event_id)
    SELECT :consumer, u.event_id FROM unnest(CAST(:event_ids AS uuid[])) AS u (event_id)
    ON CONFLICT DO NOTHING RETURNING event_id
""")


async def claim_events(session: AsyncSession, *, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Note that `consumer` handles these events in this transaction; gives those it has not handled before."""
    rows = await session.scalars(_CLAIM, {"consumer": consumer, "event_ids": list(dict.fromkeys(event_ids))})
    return set(rows)
