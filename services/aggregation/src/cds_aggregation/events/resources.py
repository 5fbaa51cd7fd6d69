"""`cds.resources`: who has a contract at which point, and what is there."""

from faststream.kafka import KafkaRouter

from cds_aggregation.persistence.aggregations_write import mark_due
from cds_aggregation.persistence.resources import points_near, store_resource
from cds_common.batches import events_of
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
resources = subscriber(router, ResourcePublishedV1.topic, service="aggregation", batch=True)


@resources
async def on_resources(messages: list[dict[str, object]], sessions: Sessions) -> None:
    """Keep resources; the groups of their points are looked at again."""
    async with once_each(sessions, consumer="aggregation.resources", events=events_of(ResourcePublishedV1, messages)) as (session, new):
        changed = [event for event in new if await store_resource(session, event)]
        await mark_due(session, {point for event in changed for point in points_near(event)})
