"""`cds.resources`: who has a contract at which point, and what is there."""

from faststream.kafka import KafkaRouter

from cds_aggregation.application.record_resources import record_resources
from cds_common.batches import events_of
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
resources = subscriber(router, ResourcePublishedV1.topic, service="aggregation", batch=True)


@resources
async def on_resources(messages: list[dict[str, object]], sessions: Sessions) -> None:
    """One transaction per batch."""
    async with once_each(sessions, consumer="aggregation.resources", events=events_of(ResourcePublishedV1, messages)) as (session, new):
        await record_resources(session, new)
