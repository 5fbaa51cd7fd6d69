"""`utility.servicepoints`: Service Points and the contracts that they serve."""

from datetime import UTC, datetime

from faststream.kafka import KafkaRouter

from cds_accounts.application.record_object import record_object
from cds_accounts.domain import versions
from cds_accounts.events.wake import Wake
from cds_common.batches import events_of
from cds_common.events.utility import ServicePointRecordedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
recorded = subscriber(router, ServicePointRecordedV1.topic, service="accounts", batch=True)


@recorded
async def on_service_points(messages: list[dict[str, object]], sessions: Sessions, wake: Wake) -> None:
    """Store the versions; a repeated message changes nothing."""
    events = events_of(ServicePointRecordedV1, messages)
    async with once_each(sessions, consumer="accounts.utility.servicepoints", events=events) as (session, new):
        for event in new:
            await record_object(session, versions.of_point(event), now=datetime.now(UTC))
    wake.set()
