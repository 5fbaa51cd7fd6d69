"""`utility.customers`: people and organisations who can log in."""

from datetime import UTC, datetime
from typing import Any

from faststream.kafka import KafkaRouter

from cds_accounts.application.record_customer import record_customer
from cds_common.events.utility import CustomerRecordedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
messages = subscriber(router, "utility.customers", service="accounts")


@messages(filter=event_type(CustomerRecordedV1.type_name()))
async def on_customer(event: CustomerRecordedV1, sessions: Sessions) -> None:
    """Store and publish; a repeated message changes nothing."""
    async with once(sessions, consumer="accounts.utility.customers", event_id=event.event_id) as session:
        if session is not None:
            await record_customer(session, event, now=datetime.now(UTC))


@messages
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
