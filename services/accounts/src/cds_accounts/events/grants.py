"""`cds.grants`: Grants to resolve, and the heartbeats that say how fresh the copy is."""

from faststream.kafka import KafkaRouter
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.refresh_queue import RefreshQueue
from cds_common.grant_copy.consumers import subscribe_grants

router = KafkaRouter()


async def _resolve_later(session: AsyncSession, grant_id: str) -> None:
    """Resolved by the refresher, after the commit: a relation that changes meanwhile would be missed here."""
    await RefreshQueue(session).add("grant", [grant_id])


subscribe_grants(router, service="accounts", on_change=_resolve_later)
