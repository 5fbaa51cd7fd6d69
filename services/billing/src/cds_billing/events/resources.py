"""`cds.resources`: the numbers of contracts."""

from faststream.kafka import KafkaRouter

from cds_billing.application.keep_contract_number import keep_contract_number
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
resources = subscriber(router, "cds.resources", service="billing")


@resources(filter=event_type(ResourcePublishedV1.type_name()))
async def on_resource(event: ResourcePublishedV1, sessions: Sessions) -> None:
    """Follow a contract's number."""
    async with once(sessions, consumer="billing.resources", event_id=event.event_id) as tx:
        if tx is not None:
            await keep_contract_number(tx, event)


@resources
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
