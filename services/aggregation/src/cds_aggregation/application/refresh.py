"""Bring an Aggregation to the state that follows from its members: division, consent requirement, version, Grants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.application.answer_grants import answer_grants_of
from cds_aggregation.domain.membership import divide, needs_division
from cds_aggregation.domain.privacy import Group, Requirement, Thresholds, evaluate
from cds_aggregation.domain.rules import Rules
from cds_aggregation.persistence.aggregations_write import (
    add_version,
    drop_parts,
    find_aggregation,
    load_members,
    neighbours,
    newest_version,
    save_aggregation,
    set_children,
    set_members,
)  # fmt: skip
from cds_aggregation.persistence.member_days import amounts, has_sums
from cds_aggregation.persistence.resources import PointState, load_points
from cds_aggregation.persistence.tables import aggregation, aggregation_child
from cds_common.events.values import AggregationPublishedV1
from cds_common.ids import Environment, resource_id
from cds_common.outbox import record_event

EVALUATE_EVERY = timedelta(hours=24)
"""The window of the privacy thresholds moves on, whether values come or not."""


async def refresh(session: AsyncSession, aggregation_id: UUID, rules: Rules, now: datetime) -> None:
    """Evaluate, divide, write a new version when something that shows has changed, publish it, and answer waiting Grants."""
    row = await find_aggregation(session, aggregation_id)
    if row is None or row.is_part:
        return
    members = await load_members(session, aggregation_id)
    points = await load_points(session, members)
    requirement = await _evaluate(session, row, members, points, rules, now)
    state = {"requirement": requirement, "has_data": await has_sums(session, aggregation_id)}
    evaluated = {"evaluated_at": now, "evaluate_at": now + EVALUATE_EVERY}
    await session.execute(update(aggregation).where(aggregation.c.aggregation_id == aggregation_id).values(**state, **evaluated))
    wire = _wire(row, state, _Lists.of(row.point_ids, points))
    await _divide(session, row, wire, points, now)
    version = await write_version(session, aggregation_id, wire, row.source_time, now)
    if version is not None:
        record_event(session, _published(row, version, wire, points.values(), len(members), now))
    await answer_grants_of(session, aggregation_id)


async def _evaluate(
    session: AsyncSession, row: Any, members: Sequence[UUID], points: Mapping[UUID, PointState], rules: Rules, now: datetime
) -> Requirement:
    rule = rules.rule(row.body["aggregation_types"])
    zone = ZoneInfo(rules.timezone)
    first_day, last_day = rules.window_start(rule, now).astimezone(zone).date(), now.astimezone(zone).date()
    totals = dict[int, dict[UUID | None, Decimal]]()
    async for point_id, kind_id, amount in amounts(session, row.aggregation_id, first_day, last_day):
        state = points.get(point_id)
        customer = state.customer_ids[0] if state and state.customer_ids else None
        by_customer = totals.setdefault(kind_id, {})
        by_customer[customer] = by_customer.get(customer, Decimal(0)) + amount
    group = Group(
        aggregation_id=row.aggregation_id,
        members=frozenset(members),
        customers=frozenset(customer for state in points.values() for customer in state.customer_ids),
        totals=totals,
        all_known=len(points) == len(members) and all(state.contracts_known for state in points.values()),
    )
    return evaluate(group, Thresholds(rule.min_customers, rule.max_share), await neighbours(session, row.aggregation_id))


@dataclass(frozen=True, slots=True)
class _Lists:
    """What an Aggregation groups, each list without doubles and in a stable order."""

    points: list[UUID]
    accounts: list[UUID]
    contracts: list[UUID]
    meters: list[UUID]

    @classmethod
    def of(cls, point_ids: Sequence[UUID], states: Mapping[UUID, PointState]) -> "_Lists":
        known = [states[point_id] for point_id in point_ids if point_id in states]
        return cls(
            list(point_ids),
            _flat(state.account_ids for state in known),
            _flat(state.contract_ids for state in known),
            _flat(state.meter_ids for state in known),
        )

    @property
    def longest(self) -> int:
        return max(map(len, (self.points, self.accounts, self.contracts, self.meters)))


def _flat(groups: Any) -> list[UUID]:
    return sorted({one for group in groups for one in group}, key=str)


_SHOWN = ("name", "regions", "criteria", "countries", "provinces", "municipalities", "premise_numbers", "additional_fields")


def _wire(row: Any, state: Mapping[str, Any], lists: _Lists) -> dict[str, Any]:
    body = row.body
    return {
        "environment": row.environment,
        "aggregation_number": body["aggregation_number"],
        "aggregation_types": body["aggregation_types"],
        "requirement": state["requirement"],
        "has_data": state["has_data"],
        "addresses": body["grouped_addresses"],
        "body": {key: body[key] for key in _SHOWN if key in body},
        "account_ids": lists.accounts,
        "contract_ids": lists.contracts,
        "point_ids": lists.points,
        "meter_ids": lists.meters,
        "child_ids": [],
    }


async def _divide(session: AsyncSession, row: Any, wire: dict[str, Any], points: Mapping[UUID, PointState], now: datetime) -> None:
    """Where a list is too long, move the members into parts; the Aggregation then names the parts instead (§10.7.1)."""
    parts = list[UUID]()
    if needs_division(wire["aggregation_types"], _Lists.of(row.point_ids, points).longest):
        for number, chunk in divide(sorted(row.point_ids, key=str)):
            parts.append(await _write_part(session, row, number, chunk, points, now))
        for name in ("account_ids", "contract_ids", "point_ids", "meter_ids"):
            wire[name] = []
    await drop_parts(session, row.aggregation_id, parts)
    await set_children(session, row.aggregation_id, parts, is_part=True)
    table = aggregation_child.c
    children = await session.scalars(
        aggregation_child.select().with_only_columns(table.child_id).where(table.parent_id == row.aggregation_id)
    )
    wire["child_ids"] = sorted(children, key=str)


async def _write_part(
    session: AsyncSession, row: Any, number: int, chunk: Sequence[UUID], points: Mapping[UUID, PointState], now: datetime
) -> UUID:
    ref = f"{row.ref}\x1fpart {number}"
    part_id = resource_id(cast("Environment", row.environment), "aggregation", ref)
    body = row.body | {"aggregation_number": None, "regions": [], "grouped_addresses": []}
    values = {
        "environment": row.environment, "ref": ref, "is_part": True, "source_time": row.source_time, "body": body, "point_ids": list(chunk),
    }  # fmt: skip
    await save_aggregation(session, part_id, values, now)
    await set_members(session, part_id, frozenset(chunk))
    part = await find_aggregation(session, part_id)
    wire = _wire(part, {"requirement": row.requirement, "has_data": False}, _Lists.of(chunk, points))
    version = await write_version(session, part_id, wire, row.source_time, now)
    if version is not None:
        inside = [points[point_id] for point_id in chunk if point_id in points]
        record_event(session, _published(part, version, wire, inside, len(chunk), now))
    return part_id


async def write_version(
    session: AsyncSession, aggregation_id: UUID, wire: Mapping[str, Any], source_time: datetime, now: datetime
) -> int | None:
    """Append a version when something that shows has changed; the first one is valid since the source's moment, later ones since now."""
    held = await newest_version(session, aggregation_id)
    if held is not None and all(getattr(held, name) == value for name, value in wire.items()):
        return None
    valid_from = min(source_time, now) if held is None else max(now, held.valid_from)
    if held is not None and source_time > held.valid_from:
        valid_from = min(source_time, now)
    return await add_version(session, aggregation_id, {**wire, "valid_from": valid_from, "modified": now}, now)


def _published(
    row: Any, version: int, wire: Mapping[str, Any], points: Iterable[PointState], member_count: int, now: datetime
) -> AggregationPublishedV1:
    premises = {number for state in points for number in state.premise_numbers} | set(row.body["premise_numbers"])
    return AggregationPublishedV1(
        environment=row.environment,
        occurred_at=now,
        aggregation_id=row.aggregation_id,
        ref=row.ref,
        version=version,
        aggregation_number=row.body["aggregation_number"],
        name=row.body["name"],
        aggregation_types=row.body["aggregation_types"],
        member_count=member_count,
        premise_numbers=sorted(premises),
        addresses=row.body["grouped_addresses"],
        service_point_ids=wire["point_ids"],
        member_aggregation_ids=wire["child_ids"],
        consent_requirement=wire["requirement"],
    )
