"""Copies of what accounts and aggregation publish: customers, their resources, and the groups that count them."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.customer_tables import AggregationCopyRow, CustomerRow, LastBillRow, ResourceCopyRow
from cds_common.events.resources import CustomerPublishedV1, KeptResource, ResourcePublishedV1
from cds_common.events.values import AggregationPublishedV1, BillPublishedV1
from cds_common.ids import Environment

_kept = msgspec.json.Decoder(list[KeptResource]).decode
_NESTING = 10
"""Levels of groups within groups that are followed."""


async def store_customer(tx: AsyncSession, event: CustomerPublishedV1) -> None:
    """Keep the snapshot unless a newer one is here."""
    values = {
        "environment": event.environment,
        "version": event.version,
        "customer_number": event.customer_number,
        "name": event.name,
        "email": event.email,
    }
    statement = insert(CustomerRow).values(customer_id=event.customer_id, **values)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=["customer_id"], set_=values, where=CustomerRow.version < event.version)
    )


async def store_resource(tx: AsyncSession, event: ResourcePublishedV1) -> None:
    """Keep the snapshot unless a newer one is here."""
    values = {
        "environment": event.environment,
        "kind": event.kind,
        "version": event.version,
        "customer_ids": event.customer_ids,
        "snapshot": event.model_dump(mode="json", exclude_defaults=True),
    }
    statement = insert(ResourceCopyRow).values(resource_id=event.resource_id, **values)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=["resource_id"], set_=values, where=ResourceCopyRow.version < event.version)
    )


async def store_aggregation(tx: AsyncSession, event: AggregationPublishedV1) -> None:
    """Keep the snapshot unless a newer one is here."""
    values = {
        "environment": event.environment,
        "version": event.version,
        "aggregation_number": event.aggregation_number,
        "service_point_ids": event.service_point_ids,
        "member_aggregation_ids": event.member_aggregation_ids,
        "snapshot": event.model_dump(mode="json"),
    }
    statement = insert(AggregationCopyRow).values(aggregation_id=event.aggregation_id, **values)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=["aggregation_id"], set_=values, where=AggregationCopyRow.version < event.version)
    )


async def store_last_bill(tx: AsyncSession, event: BillPublishedV1) -> None:
    """Keep the date of a bill if it is the newest of its account."""
    values = {"environment": event.environment, "statement_date": event.statement_date}
    statement = insert(LastBillRow).values(account_id=event.account_id, **values)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=["account_id"], set_=values, where=LastBillRow.statement_date < event.statement_date)
    )


async def last_bill_of(tx: AsyncSession, account_ids: Sequence[UUID], environment: Environment) -> date | None:
    """Date of the newest bill of these accounts; None without any."""
    query = select(func.max(LastBillRow.statement_date))
    return await tx.scalar(query.where(LastBillRow.account_id.in_(account_ids), LastBillRow.environment == environment))


async def find_customer(tx: AsyncSession, customer_id: UUID, environment: Environment) -> CustomerRow | None:
    """The customer, if the customer lives in this environment."""
    row = await tx.get(CustomerRow, customer_id)
    return row if row is not None and row.environment == environment else None


async def find_customer_by_number(tx: AsyncSession, customer_number: str, environment: Environment) -> CustomerRow | None:
    """The customer with this number; None also when the number is not unique."""
    found = (
        await tx.scalars(
            select(CustomerRow).where(CustomerRow.environment == environment, CustomerRow.customer_number == customer_number).limit(2)
        )
    ).all()
    return found[0] if len(found) == 1 else None


async def contracts_of_customer(tx: AsyncSession, customer_id: UUID, environment: Environment) -> list[KeptResource]:
    """The customer's accounts and contracts alone: a third of what a large customer has."""
    own = ResourceCopyRow.customer_ids.contains([customer_id])
    kinds = ResourceCopyRow.kind.in_(("account", "service_contract"))
    return await _resources(tx, own, kinds, ResourceCopyRow.environment == environment)


async def resources_of_customer(tx: AsyncSession, customer_id: UUID, environment: Environment) -> list[KeptResource]:
    """Everything that the customer may authorize access to, and the points and meters that these name."""
    own = await _resources(tx, ResourceCopyRow.customer_ids.contains([customer_id]), ResourceCopyRow.environment == environment)
    known = {resource.resource_id: resource for resource in own}
    for _ in range(2):  # contract -> its points, point -> its meters
        named = _named(known.values()) - known.keys()
        if not named:
            break
        more = await _resources(tx, ResourceCopyRow.resource_id.in_(named), ResourceCopyRow.environment == environment)
        known |= {resource.resource_id: resource for resource in more}
    return list(known.values())


async def aggregations_of_points(tx: AsyncSession, point_ids: Sequence[UUID], environment: Environment) -> list[AggregationPublishedV1]:
    """Groups that count at least one of these points, directly or through groups inside them."""
    found: dict[UUID, AggregationPublishedV1] = {}
    condition = AggregationCopyRow.service_point_ids.overlap(list(point_ids))
    for _ in range(_NESTING):
        more = await _aggregations(tx, condition, environment)
        fresh = [group.aggregation_id for group in more if group.aggregation_id not in found]
        if not fresh:
            break
        found |= {group.aggregation_id: group for group in more}
        condition = AggregationCopyRow.member_aggregation_ids.overlap(fresh)
    return list(found.values())


async def _aggregations(tx: AsyncSession, condition: ColumnElement[bool], environment: Environment) -> list[AggregationPublishedV1]:
    rows = await tx.scalars(select(AggregationCopyRow.snapshot).where(condition, AggregationCopyRow.environment == environment))
    return [AggregationPublishedV1.model_validate(snapshot) for snapshot in rows]


async def _resources(tx: AsyncSession, *conditions: ColumnElement[bool]) -> list[KeptResource]:
    # As one text: a large customer has thousands, and a row of the driver's for each would cost as much as reading what is in it.
    joined = await tx.scalar(select(func.string_agg(cast(ResourceCopyRow.snapshot, Text), ",")).where(*conditions))
    return _kept(f"[{joined or ''}]")


def _named(resources: Iterable[KeptResource]) -> set[UUID]:
    named: set[UUID] = set()
    for resource in resources:
        if resource.kind == "service_contract":
            named.update(tenure.id for tenure in resource.service_points if tenure.end is None)
        elif resource.kind == "service_point":
            named.update(tenure.id for tenure in resource.meter_devices if tenure.end is None)
    return named
