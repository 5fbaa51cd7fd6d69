"""Make marked sums anew from the members' days, and publish those that changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.rules import Rules
from cds_aggregation.domain.sums import Quorum, Span, SumDay, sum_days
from cds_aggregation.persistence.aggregations_write import load_members, mark_summed
from cds_aggregation.persistence.member_days import (
    Addends,
    HeldSum,
    Line,
    held_sums,
    kind_shape,
    load_addends,
    load_spans,
    lock_dirty,
    save_sums,
    unmark,
)
from cds_aggregation.persistence.resources import load_points
from cds_aggregation.persistence.tables import aggregation
from cds_common.events.values import AggregateDayV1
from cds_common.outbox import record_event

_SETTLING = timedelta(seconds=10)
"""Values of a night come one after another: a group is evaluated once for many of them, yet soon."""
_IN_A_ROUND = 20_000
"""Members' days that one transaction adds, about, and holds as text: new values of a day that is being summed wait for its end."""


async def sum_dirty_days(session: AsyncSession, rules: Rules, now: datetime, *, limit: int = 500) -> int:
    """Sum up to `limit` marked days, fewer where groups are large; returns how many."""
    marked = await lock_dirty(session, limit)
    groups = await _groups(session, {line.aggregation_id for line in marked})
    summed, added, touched = 0, 0, set[UUID]()
    for line, days in marked.items():
        if added >= _IN_A_ROUND:
            break  # the other marks stay for the next round
        spans = await load_spans(session, line)
        members = max(1, len(spans))
        some = days[: max(1, (_IN_A_ROUND - added) // members)]
        await unmark(session, line, some)
        if line.aggregation_id in groups:
            await _sum_line(session, groups[line.aggregation_id], line, some, spans, rules, now)
            touched.add(line.aggregation_id)
        summed, added = summed + len(some), added + len(some) * members
    if touched:
        await mark_summed(session, touched, now + _SETTLING)
    return summed


async def _groups(session: AsyncSession, aggregation_ids: set[UUID]) -> dict[UUID, Any]:
    rows = await session.execute(select(aggregation).where(aggregation.c.aggregation_id.in_(aggregation_ids)))
    return {row.aggregation_id: row for row in rows}


async def _sum_line(
    session: AsyncSession, group: Any, line: Line, days: Sequence[date], spans: Sequence[Span], rules: Rules, now: datetime
) -> None:
    smallest = rules.rule(group.body["aggregation_types"]).min_customers
    addends = await load_addends(session, line, days)
    few = any(len(found.members) < smallest for found in addends.values())
    homes = await _homes(session, line.aggregation_id) if few else ()
    held = await held_sums(session, line, days)
    changed = dict[date, HeldSum]()
    for day in days:
        found, before = addends.get(day, Addends()), held.get(day)
        expected = sum(span.expects(day) for span in spans)
        quorum = Quorum(expected, smallest, homes if len(found.members) < smallest else ())
        total = sum_days(found.days(), line.interval_seconds, quorum) or _emptied(before)
        if total is not None and (before is None or before.total != total):
            changed[day] = HeldSum(max(0 if before is None else before.version + 1, int(now.timestamp() * 1_000_000)), total)
    if changed:
        await save_sums(session, line, changed)
        await _publish(session, group, line, changed, addends, now)


async def _homes(session: AsyncSession, aggregation_id: UUID) -> list[frozenset[UUID]]:
    """The members of each customer who has a contract in the group now."""
    homes = dict[UUID, set[UUID]]()
    for state in (await load_points(session, await load_members(session, aggregation_id))).values():
        for customer_id in state.customer_ids:
            homes.setdefault(customer_id, set()).add(state.point_id)
    return [frozenset(own) for own in homes.values()]


def _emptied(held: HeldSum | None) -> SumDay | None:
    """Where the last member of a day has gone, its sum goes as well."""
    return None if held is None else SumDay(held.total.first, held.total.decimals, tuple(None for _ in held.total.values))


async def _publish(
    session: AsyncSession, group: Any, line: Line, sums: Mapping[date, HeldSum], addends: Mapping[date, Addends], now: datetime
) -> None:
    shape = await kind_shape(session, line.kind_id)
    for day, one in sums.items():
        record_event(
            session,
            AggregateDayV1(
                environment=group.environment,
                occurred_at=now,
                aggregation_id=line.aggregation_id,
                shape=shape,
                interval_seconds=line.interval_seconds,
                day=day,
                version=one.version,
                start=datetime.fromtimestamp(one.total.first, UTC),
                decimals=one.total.decimals,
                values=list(one.total.values),
                source_time=(addends[day].source_time if day in addends else None) or now,
            ),
        )
