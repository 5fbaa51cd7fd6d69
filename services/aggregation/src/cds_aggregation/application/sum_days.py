"""Make marked sums anew from the members' days, and publish those that changed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.rules import Rules
from cds_aggregation.domain.sums import Quorum, SumDay, sum_days
from cds_aggregation.persistence.aggregations_write import load_members, mark_summed
from cds_aggregation.persistence.member_days import DayKey, count_expected, held_sum, kind_shape, load_members_of_day, save_sum, take_dirty
from cds_aggregation.persistence.resources import load_points
from cds_aggregation.persistence.tables import aggregation
from cds_common.events.utility import SeriesShape
from cds_common.events.values import AggregateDayV1
from cds_common.outbox import record_event

_SETTLING = timedelta(seconds=10)
"""Values of a night come one after another: a group is evaluated once for many of them, yet soon."""


async def sum_dirty_days(session: AsyncSession, rules: Rules, now: datetime, *, limit: int = 50) -> int:
    """Sum up to `limit` marked days; returns how many there were."""
    keys = await take_dirty(session, limit)
    for key in keys:
        await _sum_day(session, key, rules, now)
    if keys:
        await mark_summed(session, {key.aggregation_id for key in keys}, now + _SETTLING)
    return len(keys)


async def _sum_day(session: AsyncSession, key: DayKey, rules: Rules, now: datetime) -> None:
    group = (await session.execute(select(aggregation).where(aggregation.c.aggregation_id == key.aggregation_id))).one_or_none()
    if group is None:
        return
    days, source_time = await load_members_of_day(session, key)
    smallest = rules.rule(group.body["aggregation_types"]).min_customers
    required = await _homes(session, key) if len({day.member_id for day in days}) < smallest else ()
    quorum = Quorum(await count_expected(session, key), smallest, required)
    total = sum_days(days, key.interval_seconds, quorum) or await _emptied(session, key)
    version = None if total is None else await save_sum(session, key, total, now)
    if total is None or version is None:
        return
    record_event(
        session,
        AggregateDayV1(
            environment=group.environment,
            occurred_at=now,
            aggregation_id=key.aggregation_id,
            shape=SeriesShape.model_validate(await kind_shape(session, key.kind_id)),
            interval_seconds=key.interval_seconds,
            day=key.day,
            version=version,
            start=datetime.fromtimestamp(total.first, UTC),
            decimals=total.decimals,
            values=list(total.values),
            source_time=source_time or now,
        ),
    )


async def _homes(session: AsyncSession, key: DayKey) -> list[frozenset[UUID]]:
    """The members of each customer who has a contract in the group now."""
    homes = dict[UUID, set[UUID]]()
    for state in (await load_points(session, await load_members(session, key.aggregation_id))).values():
        for customer_id in state.customer_ids:
            homes.setdefault(customer_id, set()).add(state.point_id)
    return [frozenset(own) for own in homes.values()]


async def _emptied(session: AsyncSession, key: DayKey) -> SumDay | None:
    """Where the last member of a day has gone, its sum goes as well."""
    held = await held_sum(session, key)
    return None if held is None else SumDay(held.first, held.decimals, tuple(None for _ in held.values))
