"""`utility.bills`: bills as the utility's bill print sends them."""

from datetime import UTC, datetime
from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_billing.application.record_bill import record_bill
from cds_billing.settings import Settings
from cds_common.events.utility import BillRecordedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_common.utility.entities import covered_numbers, numbered_as_covered

router = KafkaRouter()
bills = subscriber(router, "utility.bills", service="billing")


@bills(filter=event_type(BillRecordedV1.type_name()))
async def on_bill(event: BillRecordedV1, sessions: Sessions, settings: Annotated[Settings, Context("settings")]) -> None:
    """Store a bill once."""
    async with once(sessions, consumer="billing.bills", event_id=event.event_id) as tx:
        if tx is not None:
            await record_bill(tx, numbered_as_covered(event, covered_numbers(settings.utility_config)), datetime.now(UTC))


@bills
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
