"""`cds.resources`: the accounts, contracts, points and meters that forms list."""

from faststream.kafka import KafkaRouter

from cds_auth.persistence.customer_copies import store_resource
from cds_common.batches import events_of
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
resources = subscriber(router, ResourcePublishedV1.topic, service="auth", batch=True)


@resources
async def on_resources(messages: list[dict[str, object]], sessions: Sessions) -> None:
    """Keep the newest snapshots."""
    async with once_each(sessions, consumer="auth.resources", events=events_of(ResourcePublishedV1, messages)) as (tx, new):
        for event in new:
            await store_resource(tx, event)
