"""`utility.eacs`: Energy Attribute Certificates."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.events.utility import EacRecordedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_usage.application.ingest import Ingest
from cds_usage.application.record_eac import record_eac

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

eacs = subscriber(router, EacRecordedV1.topic, service="usage")


@eacs(filter=event_type(EacRecordedV1.type_name()))
async def on_eac(event: EacRecordedV1, sessions: Sessions, ingest: IngestParts) -> None:
    """Store a version of a certificate."""
    async with once(sessions, consumer="usage.eacs", event_id=event.event_id) as session:
        if session is not None:
            await record_eac(session, event, ingest.now(), formats=ingest.eac_formats)


@eacs
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
