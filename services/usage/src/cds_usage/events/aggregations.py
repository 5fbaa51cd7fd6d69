"""`cds.aggregations`: numbers of Aggregations, for the order of segments."""

from faststream.kafka import KafkaRouter

from cds_common.events.values import AggregationPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_usage.persistence.copies import store_aggregation

router = KafkaRouter()

aggregations = subscriber(router, AggregationPublishedV1.topic, service="usage")


@aggregations(filter=event_type(AggregationPublishedV1.type_name()))
async def on_aggregation(event: AggregationPublishedV1, sessions: Sessions) -> None:
    """Keep the number of an Aggregation."""
    async with once(sessions, consumer="usage.aggregations", event_id=event.event_id) as session:
        if session is not None:
            await store_aggregation(session, event)


@aggregations
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
