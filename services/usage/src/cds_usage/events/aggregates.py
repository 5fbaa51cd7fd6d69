"""`cds.aggregates`: sums of Aggregations, day by day."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.events.values import AggregateDayV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_usage.application.ingest import Ingest
from cds_usage.application.record_aggregate import record_aggregate

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

aggregates = subscriber(router, AggregateDayV1.topic, group="usage")


@aggregates(filter=event_type(AggregateDayV1.type_name()))
async def on_aggregate(event: AggregateDayV1, sessions: Sessions, ingest: IngestParts) -> None:
    """Store a day of sums."""
    await ingest.partitions.ensure([event.day])
    async with once(sessions, consumer="usage.aggregates", event_id=event.event_id) as session:
        if session is not None:
            await record_aggregate(session, event, ingest.kinds, ingest.calendar, ingest.now())


@aggregates
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
