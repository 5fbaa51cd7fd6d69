"""`cds.resources`: numbers and relations of accounts, contracts, points and meters."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_usage.application.apply_resource import apply_resource
from cds_usage.application.ingest import Ingest

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

resources = subscriber(router, ResourcePublishedV1.topic, service="usage")


@resources(filter=event_type(ResourcePublishedV1.type_name()))
async def on_resource(event: ResourcePublishedV1, sessions: Sessions, ingest: IngestParts) -> None:
    """Follow a resource."""
    async with once(sessions, consumer="usage.resources", event_id=event.event_id) as session:
        if session is not None:
            await apply_resource(session, event, ingest.calendar)


@resources
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
