"""`utility.meters`: Meter Devices and where they were placed."""

from datetime import UTC, datetime
from typing import Any

from faststream.kafka import KafkaRouter

from cds_accounts.application.record_object import record_object
from cds_accounts.domain import versions
from cds_accounts.events.wake import Wake
from cds_common.events.utility import MeterRecordedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
messages = subscriber(router, "utility.meters", service="accounts")


@messages(filter=event_type(MeterRecordedV1.type_name()))
async def on_meter(event: MeterRecordedV1, sessions: Sessions, wake: Wake) -> None:
    """Store the version; a repeated message changes nothing."""
    async with once(sessions, consumer="accounts.utility.meters", event_id=event.event_id) as session:
        if session is not None:
            await record_object(session, versions.of_meter(event), now=datetime.now(UTC))
    wake.set()


@messages
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
