"""Store a customer who can log in, and publish it for auth."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.publication import next_version
from cds_accounts.persistence.tables import customer
from cds_common.events.resources import CustomerPublishedV1
from cds_common.events.utility import CustomerRecordedV1
from cds_common.ids import resource_id
from cds_common.outbox import record_event

_FACTS = ("customer_number", "name", "email", "login_name")


async def record_customer(session: AsyncSession, event: CustomerRecordedV1, *, now: datetime) -> bool:
    """Keep the newest facts about a customer and publish them when they changed; older ones change nothing.

    Returns:
        Whether something was published.
    """
    customer_id = resource_id(event.environment, "customer", event.customer_ref)
    facts = {name: getattr(event, name) for name in _FACTS}
    known = (await session.execute(select(customer).where(customer.c.customer_id == customer_id).with_for_update())).first()
    if known is not None and known.valid_from > event.source_time:
        return False
    same = known is not None and all(getattr(known, name) == value for name, value in facts.items())
    version = known.version if same and known is not None else next_version(None if known is None else known.version, now)
    values = facts | {
        "customer_id": customer_id, "environment": event.environment, "ref": event.customer_ref, "version": version,
        "valid_from": event.source_time,
    }  # fmt: skip
    row = insert(customer).values(values)
    await session.execute(row.on_conflict_do_update(index_elements=[customer.c.customer_id], set_=values))
    if not same:
        record_event(session, CustomerPublishedV1(environment=event.environment, customer_id=customer_id, version=version, **facts))
    return not same
