"""Follow the numbers of contracts: a renumbering re-sorts sections and leaves the bills' own numbers untouched."""

from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.persistence.bills import Bills
from cds_common.events.resources import ResourcePublishedV1


async def keep_contract_number(tx: AsyncSession, event: ResourcePublishedV1) -> None:
    """Keep the newest number of a Service Contract; other kinds are not billing's."""
    if event.kind != "service_contract":
        return
    bills = Bills(tx)
    # A bill that is stored at the same time would miss the number, and its sections the sorting.
    await bills.lock([event.resource_id])
    if await bills.store_contract_number(event.resource_id, event.environment, event.version, event.number):
        await bills.sort_sections_of([event.resource_id])
