"""`cds.aggregations`: the buildings and groups that forms list, and by whose points they count somebody."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_auth.persistence.customer_copies import store_aggregation
from cds_common.events.values import AggregationPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
aggregations = subscriber(router, "cds.aggregations", service="auth")


@aggregations(filter=event_type("aggregation.published.v1"))
async def on_aggregation(event: AggregationPublishedV1, sessions: Sessions) -> None:
    """Keep the newest snapshot."""
    async with once(sessions, consumer="auth.aggregations", event_id=event.event_id) as tx:
        if tx is not None:
            await store_aggregation(tx, event)


@aggregations
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
