"""`utility.meter-readings`: blocks of values, taken in batches."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.events.utility import ReadingsRecordedV1
from cds_common.kafka import Sessions, subscriber
from cds_usage.application.ingest import Ingest, ingest_readings

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

readings = subscriber(router, ReadingsRecordedV1.topic, service="usage", batch=True, max_records=5_000)


@readings
async def on_readings(messages: list[dict[str, object]], sessions: Sessions, ingest: IngestParts) -> None:
    """One transaction per batch."""
    await ingest_readings(sessions, ingest, messages)
