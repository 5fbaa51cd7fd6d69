"""Follow the numbers of contracts: a renumbering re-sorts sections and leaves the bills' own numbers untouched."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.persistence.bills import Bills
from cds_common.events.resources import ResourcePublishedV1


async def keep_contract_numbers(tx: AsyncSession, events: Iterable[ResourcePublishedV1]) -> None:
    """Keep the newest numbers of Service Contracts; other kinds are not billing's."""
    contracts = [event for event in events if event.kind == "service_contract"]
    bills = Bills(tx)
    # A bill that is stored at the same time would miss the number, and its sections the sorting.
    await bills.lock(event.resource_id for event in contracts)
    changed = [
        event.resource_id
        for event in contracts
        if await bills.store_contract_number(event.resource_id, event.environment, event.version, event.number)
    ]
    await bills.sort_sections_of(changed)
