"""`cds.bills`: when an account was billed last; what a bill says is of no use here."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_auth.persistence.customer_copies import store_last_bill
from cds_common.events.values import BillPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
bills = subscriber(router, "cds.bills", service="auth")


@bills(filter=event_type("bill.published.v1"))
async def on_bill(event: BillPublishedV1, sessions: Sessions) -> None:
    """Keep its date."""
    async with once(sessions, consumer="auth.bills", event_id=event.event_id) as tx:
        if tx is not None:
            await store_last_bill(tx, event)


@bills
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
