"""`cds.resources`: the numbers of contracts."""

from faststream.kafka import KafkaRouter

from cds_billing.application.keep_contract_numbers import keep_contract_numbers
from cds_common.batches import events_of
from cds_common.events.resources import ResourcePublishedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
resources = subscriber(router, ResourcePublishedV1.topic, service="billing", batch=True)


@resources
async def on_resources(messages: list[dict[str, object]], sessions: Sessions) -> None:
    """Follow the numbers of contracts."""
    async with once_each(sessions, consumer="billing.resources", events=events_of(ResourcePublishedV1, messages)) as (tx, new):
        await keep_contract_numbers(tx, new)
