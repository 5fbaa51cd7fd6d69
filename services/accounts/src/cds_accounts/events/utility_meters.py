"""`utility.meters`: Meter Devices and where they were placed."""

from datetime import UTC, datetime

from faststream.kafka import KafkaRouter

from cds_accounts.application.record_object import record_object
from cds_accounts.domain import versions
from cds_accounts.events.wake import Wake
from cds_common.batches import events_of
from cds_common.events.utility import MeterRecordedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
recorded = subscriber(router, MeterRecordedV1.topic, service="accounts", batch=True)


@recorded
async def on_meters(messages: list[dict[str, object]], sessions: Sessions, wake: Wake) -> None:
    """Store the versions; a repeated message changes nothing."""
    async with once_each(sessions, consumer="accounts.utility.meters", events=events_of(MeterRecordedV1, messages)) as (session, new):
        for event in new:
            await record_object(session, versions.of_meter(event), now=datetime.now(UTC))
    wake.set()
