"""`cds.bills`: which Bill Sections there are; amounts stay with billing."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.events.values import BillPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_usage.application.ingest import Ingest
from cds_usage.persistence.copies import store_bill

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

bills = subscriber(router, BillPublishedV1.topic, service="usage")


@bills(filter=event_type(BillPublishedV1.type_name()))
async def on_bill(event: BillPublishedV1, sessions: Sessions, ingest: IngestParts) -> None:
    """Keep the sections of a Bill Statement."""
    async with once(sessions, consumer="usage.bills", event_id=event.event_id) as session:
        if session is not None:
            await store_bill(session, event, ingest.calendar)


@bills
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
