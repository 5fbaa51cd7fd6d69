"""Aggregations, their members and versions."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.persistence.tables import aggregation, aggregation_child, aggregation_member, aggregation_version, dirty_day

_GRAPH_LOCK = 0x0CD5_A661
_AT_ONCE = datetime.fromtimestamp(0, UTC)


async def lock_graph(session: AsyncSession) -> None:
    """One change of groups and members at a time: memberships of groups of groups depend on each other."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GRAPH_LOCK})


async def lock_graph_shared(session: AsyncSession) -> None:
    """Keep the members of all groups as they are while facts about points are stored.

    Else a group that is made meanwhile would not see these facts, and they would not see that the point has become its member.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _GRAPH_LOCK})


async def find_aggregation(session: AsyncSession, aggregation_id: UUID) -> Any:
    """The row of an Aggregation, locked; None when it is not known."""
    return (
        await session.execute(select(aggregation).where(aggregation.c.aggregation_id == aggregation_id).with_for_update())
    ).one_or_none()


async def save_aggregation(session: AsyncSession, aggregation_id: UUID, values: Mapping[str, Any], now: datetime) -> None:
    """Write what the source (or the division) says; state that follows from it stays until it is refreshed."""
    fixed = {"version": 0, "requirement": "sometimes", "has_data": False, "created": now}
    moving = {"evaluate_at": now, "synced": values["source_time"]}
    row = upsert(aggregation).values(aggregation_id=aggregation_id, **fixed, **moving, **values)
    changed = {name: row.excluded[name] for name in (*values, *moving)}
    await session.execute(row.on_conflict_do_update(index_elements=["aggregation_id"], set_=changed))


async def set_children(session: AsyncSession, parent_id: UUID, child_ids: Iterable[UUID], *, is_part: bool) -> None:
    """Put the Aggregations below `parent_id` anew."""
    table = aggregation_child
    await session.execute(delete(table).where(table.c.parent_id == parent_id, table.c.is_part == is_part))
    rows = [{"parent_id": parent_id, "child_id": child_id, "is_part": is_part} for child_id in dict.fromkeys(child_ids)]
    if rows:
        await session.execute(upsert(table).on_conflict_do_nothing(), rows)


async def load_graph(session: AsyncSession, environment: str) -> tuple[dict[UUID, frozenset[UUID]], dict[UUID, frozenset[UUID]]]:
    """Direct points and children of all Aggregations that the source named."""
    rows = await session.execute(
        select(aggregation.c.aggregation_id, aggregation.c.point_ids).where(
            aggregation.c.environment == environment, ~aggregation.c.is_part
        )
    )
    points = {row.aggregation_id: frozenset[UUID](row.point_ids) for row in rows}
    children = dict[UUID, frozenset[UUID]]()
    for row in await session.execute(select(aggregation_child).where(~aggregation_child.c.is_part)):
        children[row.parent_id] = children.get(row.parent_id, frozenset()) | {row.child_id}
    return points, children


_ANCESTORS = text("""
    WITH RECURSIVE above AS (
        SELECT CAST(:id AS uuid) AS id
        UNION SELECT c.parent_id FROM aggregation_child c JOIN above a ON c.child_id = a.id
    )
    SELECT a.id FROM above a JOIN aggregation g ON g.aggregation_id = a.id
""")


async def with_ancestors(session: AsyncSession, aggregation_id: UUID) -> list[UUID]:
    """The Aggregation and all that hold it."""
    return sorted(await session.scalars(_ANCESTORS, {"id": aggregation_id}), key=str)


async def set_members(session: AsyncSession, aggregation_id: UUID, members: frozenset[UUID]) -> bool:
    """Put the members (of all levels) of an Aggregation; returns whether they changed."""
    table = aggregation_member
    held = frozenset(await session.scalars(select(table.c.service_point_id).where(table.c.aggregation_id == aggregation_id)))
    if held == members:
        return False
    gone = list(held - members)
    await session.execute(
        text("DELETE FROM aggregation_member WHERE aggregation_id = :id AND service_point_id = ANY (CAST(:gone AS uuid[]))"),
        {"id": aggregation_id, "gone": gone},
    )
    await session.execute(
        text("INSERT INTO aggregation_member SELECT :id, unnest(CAST(:new AS uuid[]))"), {"id": aggregation_id, "new": list(members - held)}
    )
    return True


async def load_members(session: AsyncSession, aggregation_id: UUID) -> list[UUID]:
    """All members, in a stable order."""
    table = aggregation_member
    return list(
        await session.scalars(
            select(table.c.service_point_id).where(table.c.aggregation_id == aggregation_id).order_by(table.c.service_point_id)
        )
    )


_NEIGHBOURS = text("""
    SELECT m.aggregation_id, array_agg(m.service_point_id) AS members
    FROM aggregation_member m JOIN aggregation g USING (aggregation_id)
    WHERE m.aggregation_id <> :id AND NOT g.is_part AND m.aggregation_id IN (
        SELECT n.aggregation_id FROM aggregation_member n JOIN aggregation_member o USING (service_point_id) WHERE o.aggregation_id = :id
    )
    GROUP BY m.aggregation_id
""")


async def neighbours(session: AsyncSession, aggregation_id: UUID) -> list[frozenset[UUID]]:
    """The members of other requestable Aggregations that share a member with this one."""
    return [frozenset(row.members) for row in await session.execute(_NEIGHBOURS, {"id": aggregation_id})]


async def mark_due(session: AsyncSession, point_ids: Collection[UUID]) -> None:
    """The Aggregations of these points, and their neighbours, have to be looked at again."""
    if point_ids:
        mine = select(aggregation_member.c.aggregation_id).where(aggregation_member.c.service_point_id.in_(list(point_ids)))
        await _evaluated_by(session, _AT_ONCE, aggregation.c.aggregation_id.in_(mine))


async def mark_neighbours_due(session: AsyncSession, aggregation_id: UUID) -> None:
    """A change of members may open or close a difference to the groups that overlap."""
    mine = select(aggregation_member.c.service_point_id).where(aggregation_member.c.aggregation_id == aggregation_id)
    others = select(aggregation_member.c.aggregation_id).where(aggregation_member.c.service_point_id.in_(mine))
    await _evaluated_by(session, _AT_ONCE, aggregation.c.aggregation_id.in_(others))


async def _evaluated_by(session: AsyncSession, moment: datetime, which: ColumnElement[bool]) -> None:
    """Have these evaluated at `moment` at the latest.

    One that is due already is locked as well: whoever evaluates it meanwhile would take the mark away without having seen what it is for.
    """
    locked = select(aggregation.c.aggregation_id).where(which).order_by(aggregation.c.aggregation_id).with_for_update()
    ids = list(await session.scalars(locked))
    if ids:
        earlier = func.least(aggregation.c.evaluate_at, moment)
        await session.execute(update(aggregation).where(aggregation.c.aggregation_id.in_(ids)).values(evaluate_at=earlier))


async def mark_summed(session: AsyncSession, aggregation_ids: Collection[UUID], soon: datetime) -> None:
    """New values: groups that have waited for some are evaluated at once, the others at `soon`, after what comes with these values."""
    mine = aggregation.c.aggregation_id.in_(aggregation_ids)
    waits = (aggregation.c.requirement == "sometimes") | ~aggregation.c.has_data
    await _evaluated_by(session, soon, mine)
    await _evaluated_by(session, _AT_ONCE, mine & waits)


async def due_aggregations(session: AsyncSession, now: datetime, limit: int) -> list[UUID]:
    """Aggregations that have to be evaluated by now."""
    return list(await session.scalars(_due(now).order_by(aggregation.c.evaluate_at).limit(limit)))


async def has_work(session: AsyncSession, now: datetime) -> bool:
    """Whether a sum is marked or an Aggregation is due."""
    return bool(await session.scalar(select(or_(select(dirty_day).exists(), _due(now).exists()))))


def _due(now: datetime) -> Select[Any]:
    return select(aggregation.c.aggregation_id).where(aggregation.c.evaluate_at <= now, ~aggregation.c.is_part)


async def newest_version(session: AsyncSession, aggregation_id: UUID) -> Any:
    """The present version; None before the first."""
    table = aggregation_version
    return (await session.execute(select(table).where(table.c.aggregation_id == aggregation_id, table.c.newest))).one_or_none()


async def add_version(session: AsyncSession, aggregation_id: UUID, values: Mapping[str, Any], now: datetime) -> int:
    """Append a version; the one with the newest `valid_from` is the present one. Returns its number.

    Numbers are microseconds: above the one before, and above those of a store that was lost since.
    """
    table = aggregation_version
    last = await session.scalar(select(func.coalesce(func.max(table.c.version), 0)).where(table.c.aggregation_id == aggregation_id))
    number = max(int(last or 0) + 1, int(now.timestamp() * 1_000_000))
    await session.execute(update(table).where(table.c.aggregation_id == aggregation_id, table.c.newest).values(newest=False))
    await session.execute(insert(table).values(aggregation_id=aggregation_id, version=number, newest=True, **values))
    return number


async def drop_parts(session: AsyncSession, parent_id: UUID, kept: Iterable[UUID]) -> None:
    """Remove parts of a division that no longer exist."""
    table = aggregation_child
    mine = select(table.c.child_id).where(table.c.parent_id == parent_id, table.c.is_part, table.c.child_id.not_in(list(kept)))
    gone = list(await session.scalars(mine))
    for owner in (aggregation, aggregation_version, aggregation_member):
        await session.execute(delete(owner).where(owner.c.aggregation_id.in_(gone)))
