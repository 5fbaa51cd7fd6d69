"""`utility.customers`: people and organisations who can log in."""

from datetime import UTC, datetime

from faststream.kafka import KafkaRouter

from cds_accounts.application.record_customer import record_customer
from cds_common.batches import events_of
from cds_common.events.utility import CustomerRecordedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
recorded = subscriber(router, CustomerRecordedV1.topic, service="accounts", batch=True)


@recorded
async def on_customers(messages: list[dict[str, object]], sessions: Sessions) -> None:
    """Store and publish; a repeated message changes nothing."""
    events = events_of(CustomerRecordedV1, messages)
    async with once_each(sessions, consumer="accounts.utility.customers", events=events) as (session, new):
        for event in new:
            await record_customer(session, event, now=datetime.now(UTC))
