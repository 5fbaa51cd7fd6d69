"""`cds.customers`: who can log in and be written to; test accounts get their published login here."""

from typing import Annotated, Any

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_auth.application.customer_copies import record_customer
from cds_common.events.resources import CustomerPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_common.utility import Utility

router = KafkaRouter()
customers = subscriber(router, "cds.customers", service="auth")


@customers(filter=event_type("customer.published.v1"))
async def on_customer(event: CustomerPublishedV1, sessions: Sessions, utility: Annotated[Utility, Context("utility")]) -> None:
    """Keep the newest snapshot."""
    async with once(sessions, consumer="auth.customers", event_id=event.event_id) as tx:
        if tx is not None:
            await record_customer(tx, event, utility.test_accounts)


@customers
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
