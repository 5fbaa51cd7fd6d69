"""`cds.resources`: who has a contract at which point, and what is there."""

from faststream.kafka import KafkaRouter

from cds_aggregation.persistence.aggregations_write import mark_due
from cds_aggregation.persistence.resources import points_near, store_resource
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
resources = subscriber(router, ResourcePublishedV1.topic, service="aggregation")


@resources(filter=event_type(ResourcePublishedV1.type_name()))
async def on_resource(event: ResourcePublishedV1, sessions: Sessions) -> None:
    """Keep a resource; the groups of its points are looked at again."""
    async with once(sessions, consumer="aggregation.resources", event_id=event.event_id) as session:
        if session is not None and await store_resource(session, event):
            await mark_due(session, points_near(event))


@resources
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
