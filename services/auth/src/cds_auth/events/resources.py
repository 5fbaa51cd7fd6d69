"""`cds.resources`: the accounts, contracts, points and meters that forms list."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_auth.persistence.customer_copies import store_resource
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
resources = subscriber(router, "cds.resources", service="auth")


@resources(filter=event_type("resource.published.v1"))
async def on_resource(event: ResourcePublishedV1, sessions: Sessions) -> None:
    """Keep the newest snapshot."""
    async with once(sessions, consumer="auth.resources", event_id=event.event_id) as tx:
        if tx is not None:
            await store_resource(tx, event)


@resources
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
