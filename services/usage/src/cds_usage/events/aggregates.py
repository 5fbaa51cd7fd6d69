"""`cds.aggregates`: sums of Aggregations, day by day, taken in batches."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.events.values import AggregateDayV1
from cds_common.kafka import Sessions, subscriber
from cds_usage.application.ingest import Ingest
from cds_usage.application.record_aggregates import ingest_aggregates

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

aggregates = subscriber(router, AggregateDayV1.topic, service="usage", batch=True, max_records=200)


@aggregates
async def on_aggregates(messages: list[dict[str, object]], sessions: Sessions, ingest: IngestParts) -> None:
    """One transaction per batch."""
    await ingest_aggregates(sessions, ingest, messages)
