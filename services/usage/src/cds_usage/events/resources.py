"""`cds.resources`: numbers and relations of accounts, contracts, points and meters."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_common.batches import events_of
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber
from cds_usage.application.apply_resources import apply_resources
from cds_usage.application.ingest import Ingest

router = KafkaRouter()
IngestParts = Annotated[Ingest, Context("ingest")]

resources = subscriber(router, ResourcePublishedV1.topic, service="usage", batch=True)


@resources
async def on_resources(messages: list[dict[str, object]], sessions: Sessions, ingest: IngestParts) -> None:
    """Follow resources."""
    async with once_each(sessions, consumer="usage.resources", events=events_of(ResourcePublishedV1, messages)) as (session, new):
        await apply_resources(session, new, ingest.calendar)
