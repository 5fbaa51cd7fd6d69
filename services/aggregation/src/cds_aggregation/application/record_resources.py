"""Take in accounts' resources: who has a contract at which point, and what is there."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.persistence.aggregations_write import lock_graph_shared, mark_due
from cds_aggregation.persistence.resources import points_near, store_resource
from cds_common.events.resources import ResourcePublishedV1


async def record_resources(session: AsyncSession, events: Iterable[ResourcePublishedV1]) -> None:
    """Keep the newest versions; the groups of their points are looked at again."""
    await lock_graph_shared(session)
    changed = [event for event in events if await store_resource(session, event)]
    await mark_due(session, {point for event in changed for point in points_near(event)})
