"""Members' days as `cds.usage` brings them, and the sums made from them."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.sums import GRACE, MemberDays, Span, SumDay
from cds_aggregation.persistence.tables import dirty_day, sum_day, sum_kind
from cds_common.events.utility import SeriesShape

_values = msgspec.json.Decoder(list[int | None]).decode
_rows = msgspec.json.Decoder(list[list[int | None]]).decode


class Line(NamedTuple):
    """Sums of one kind of one Aggregation, day after day; `phase` is the offset of the grid, `start % interval_seconds`."""

    aggregation_id: UUID
    kind_id: int
    interval_seconds: int
    phase: int

    def holds(self, table: Table) -> ColumnElement[bool]:
        """Whether a row of `table` belongs to it."""
        return and_(*(table.c[name] == value for name, value in self._asdict().items()))


class HeldSum(NamedTuple):
    """A sum and its version, in microseconds: above the one before, and above those of a store that was lost since."""

    version: int
    total: SumDay


@dataclass(frozen=True, slots=True)
class StoredMemberDay:
    """A row of `member_day`. `amount` is the sum of absolute values."""

    service_point_id: UUID
    series_id: UUID
    day: date
    interval_seconds: int
    phase: int
    kind_id: int
    version: int
    first: int
    last_day: date
    decimals: int
    values: Sequence[int | None]
    amount: Decimal
    source_time: datetime | None


async def kind_ids(session: AsyncSession, shapes: Iterable[dict[str, str]]) -> dict[str, int]:
    """Ids of summed shapes by their key, new ones stored."""
    keyed = {shape_key(shape): shape for shape in shapes}
    if not keyed:
        return {}
    rows = [{"key": key, "shape": shape} for key, shape in sorted(keyed.items())]
    await session.execute(insert(sum_kind).values(rows).on_conflict_do_nothing(index_elements=["key"]))
    found = await session.execute(select(sum_kind.c.key, sum_kind.c.kind_id).where(sum_kind.c.key.in_(list(keyed))))
    return {row.key: row.kind_id for row in found}


def shape_key(shape: dict[str, str]) -> str:
    """A text that is equal exactly for equal shapes."""
    return json.dumps(sorted(shape.items()), separators=(",", ":"))


async def kind_shape(session: AsyncSession, kind_id: int) -> SeriesShape:
    """The shape of a kind."""
    shape = (await session.execute(select(sum_kind.c.shape).where(sum_kind.c.kind_id == kind_id))).scalar_one()
    return SeriesShape.model_validate(shape)


_SAVE = text("""
    INSERT INTO member_day AS m (service_point_id, series_id, day, interval_seconds, phase, kind_id, version, first_s, decimals, vals,
        amount, source_time)
    SELECT * FROM unnest(
        CAST(:points AS uuid[]), CAST(:series AS uuid[]), CAST(:days AS date[]), CAST(:intervals AS integer[]), CAST(:phases AS integer[]),
        CAST(:kinds AS integer[]), CAST(:versions AS bigint[]), CAST(:firsts AS bigint[]), CAST(:decimals AS smallint[]),
        CAST(:vals AS text[]), CAST(:amounts AS numeric[]), CAST(:sources AS timestamptz[])
    )
    ON CONFLICT (service_point_id, series_id, day, interval_seconds, phase) DO UPDATE SET
        kind_id = excluded.kind_id, version = excluded.version, first_s = excluded.first_s, decimals = excluded.decimals,
        vals = excluded.vals, amount = excluded.amount, source_time = excluded.source_time
    WHERE m.version < excluded.version
    RETURNING service_point_id, series_id, day, interval_seconds, phase, kind_id
""")

_SPANS = text("""
    INSERT INTO member_span AS s (service_point_id, kind_id, first_day, last_day)
    SELECT p, k, min(f), max(l) FROM unnest(CAST(:points AS uuid[]), CAST(:kinds AS integer[]), CAST(:days AS date[]),
        CAST(:last_days AS date[])) AS u (p, k, f, l)
    GROUP BY p, k ORDER BY p, k
    ON CONFLICT (service_point_id, kind_id) DO UPDATE SET
        first_day = least(s.first_day, excluded.first_day), last_day = greatest(s.last_day, excluded.last_day)
""")

_GAPS = text("""
    INSERT INTO dirty_day (aggregation_id, kind_id, day, interval_seconds, phase)
    SELECT DISTINCT d.aggregation_id, d.kind_id, d.day, d.interval_seconds, d.phase
    FROM unnest(CAST(:points AS uuid[]), CAST(:kinds AS integer[]), CAST(:days AS date[]), CAST(:last_days AS date[])) AS u (p, k, f, l)
    JOIN member_span s ON s.service_point_id = u.p AND s.kind_id = u.k
    JOIN aggregation_member m ON m.service_point_id = u.p
    JOIN sum_day d ON d.aggregation_id = m.aggregation_id AND d.kind_id = u.k
        AND (d.day BETWEEN u.f AND s.first_day OR d.day BETWEEN s.last_day AND u.l + CAST(:grace AS integer))
    WHERE u.f < s.first_day OR u.l > s.last_day
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (aggregation_id, kind_id, day, interval_seconds, phase) DO UPDATE SET day = excluded.day
""")
"""Before the spans are widened: days that a member did not belong to and now does, with or without a value.

Like every statement that marks, it locks a mark that stands already until the values behind it are committed: else whoever sums the
day meanwhile would take the mark away without having seen them.
"""

_DIRTY = text("""
    INSERT INTO dirty_day (aggregation_id, kind_id, day, interval_seconds, phase)
    SELECT DISTINCT m.aggregation_id, u.k, u.d, u.i, u.p
    FROM unnest(CAST(:points AS uuid[]), CAST(:kinds AS integer[]), CAST(:days AS date[]), CAST(:intervals AS integer[]),
        CAST(:phases AS integer[])) AS u (point, k, d, i, p)
    JOIN aggregation_member m ON m.service_point_id = u.point
    JOIN aggregation g ON g.aggregation_id = m.aggregation_id AND NOT g.is_part
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (aggregation_id, kind_id, day, interval_seconds, phase) DO UPDATE SET day = excluded.day
""")


async def save_member_days(session: AsyncSession, days: Sequence[StoredMemberDay]) -> None:
    """Store days that are newer than what is held, and mark the sums that they change."""
    if not days:
        return
    values = {
        "points": [day.service_point_id for day in days],
        "series": [day.series_id for day in days],
        "days": [day.day for day in days],
        "intervals": [day.interval_seconds for day in days],
        "phases": [day.phase for day in days],
        "kinds": [day.kind_id for day in days],
        "versions": [day.version for day in days],
        "firsts": [day.first for day in days],
        "decimals": [day.decimals for day in days],
        "vals": [json.dumps(list(day.values)) for day in days],
        "amounts": [day.amount for day in days],
        "sources": [day.source_time for day in days],
    }
    stored = (await session.execute(_SAVE, values)).all()
    spans = {name: values[name] for name in ("points", "kinds", "days")} | {"last_days": [day.last_day for day in days]}
    await session.execute(_GAPS, spans | {"grace": GRACE.days})
    await session.execute(_SPANS, spans)
    if stored:
        await session.execute(
            _DIRTY,
            {
                "points": [row.service_point_id for row in stored],
                "kinds": [row.kind_id for row in stored],
                "days": [row.day for row in stored],
                "intervals": [row.interval_seconds for row in stored],
                "phases": [row.phase for row in stored],
            },
        )


_ALL_DIRTY = text("""
    INSERT INTO dirty_day (aggregation_id, kind_id, day, interval_seconds, phase)
    SELECT DISTINCT CAST(:id AS uuid), d.kind_id, d.day, d.interval_seconds, d.phase
    FROM member_day d JOIN aggregation_member m ON m.service_point_id = d.service_point_id WHERE m.aggregation_id = :id
    UNION SELECT aggregation_id, kind_id, day, interval_seconds, phase FROM sum_day WHERE aggregation_id = :id
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (aggregation_id, kind_id, day, interval_seconds, phase) DO UPDATE SET day = excluded.day
""")


async def mark_all_dirty(session: AsyncSession, aggregation_id: UUID) -> None:
    """After a change of members every sum is made anew."""
    await session.execute(_ALL_DIRTY, {"id": aggregation_id})


_TAKE = text("""
    SELECT aggregation_id, kind_id, interval_seconds, phase, day FROM dirty_day
    ORDER BY aggregation_id, kind_id, day LIMIT :limit FOR UPDATE SKIP LOCKED
""")


async def lock_dirty(session: AsyncSession, limit: int) -> dict[Line, list[date]]:
    """Up to `limit` marked days, locked until the transaction ends."""
    found = dict[Line, list[date]]()
    for *line, day in await session.execute(_TAKE, {"limit": limit}):
        found.setdefault(Line(*line), []).append(day)
    return found


_DAYS = text("""
    SELECT d.day, d.first_s, d.decimals, array_agg(d.service_point_id) AS member_ids, '[' || string_agg(d.vals, ',') || ']' AS rows,
        max(d.source_time) AS source_time
    FROM aggregation_member m JOIN member_day d ON d.service_point_id = m.service_point_id
    WHERE m.aggregation_id = :aggregation_id AND d.day = ANY(:days) AND d.kind_id = :kind_id
        AND d.interval_seconds = :interval_seconds AND d.phase = :phase
    GROUP BY d.day, d.first_s, d.decimals, d.vals LIKE '%null%'
""")
"""A row for each day: one for each member's day would cost more than the sum. Days with holes come apart from the others."""

_SPANS_OF = text("""
    SELECT s.first_day, s.last_day
    FROM aggregation_member m JOIN member_span s ON s.service_point_id = m.service_point_id AND s.kind_id = :kind_id
    WHERE m.aggregation_id = :aggregation_id
""")


class StoredDays(NamedTuple):
    """`MemberDays` whose rows are the text in which they are stored."""

    member_ids: Sequence[UUID]
    first: int
    decimals: int
    rows: str


@dataclass(slots=True)
class Addends:
    """The members' days behind a sum, and the newest source moment among them."""

    stored: list[StoredDays] = field(default_factory=list)
    members: set[UUID] = field(default_factory=set)
    """Whose days they are; a member may have several series."""
    source_time: datetime | None = None

    def days(self) -> Iterator[MemberDays]:
        """With their values, which take ten times the memory of the stored text: to be read day by day."""
        return (MemberDays(each.member_ids, each.first, each.decimals, _rows(each.rows)) for each in self.stored)


async def unmark(session: AsyncSession, line: Line, days: Sequence[date]) -> None:
    """These days are summed by this transaction."""
    await session.execute(delete(dirty_day).where(line.holds(dirty_day), dirty_day.c.day.in_(days)))


async def load_addends(session: AsyncSession, line: Line, days: Sequence[date]) -> dict[date, Addends]:
    """What is to be added, by day; a day without any is left out."""
    found = dict[date, Addends]()
    for row in await session.execute(_DAYS, line._asdict() | {"days": days}):
        mine = found.setdefault(row.day, Addends())
        mine.stored.append(StoredDays(row.member_ids, row.first_s, row.decimals, row.rows))
        mine.members.update(row.member_ids)
        if row.source_time is not None and (mine.source_time is None or row.source_time > mine.source_time):
            mine.source_time = row.source_time
    return found


async def load_spans(session: AsyncSession, line: Line) -> list[Span]:
    """When the members have values of this kind; one span per member that has any."""
    arguments = {"aggregation_id": line.aggregation_id, "kind_id": line.kind_id}
    return [Span(*row) for row in await session.execute(_SPANS_OF, arguments)]


_SAVE_SUMS = text("""
    INSERT INTO sum_day (aggregation_id, kind_id, interval_seconds, phase, day, version, first_s, decimals, vals)
    SELECT CAST(:aggregation_id AS uuid), CAST(:kind_id AS integer), CAST(:interval_seconds AS integer), CAST(:phase AS integer), u.*
    FROM unnest(
        CAST(:days AS date[]), CAST(:versions AS bigint[]), CAST(:firsts AS bigint[]), CAST(:decimals AS smallint[]), CAST(:vals AS text[])
    ) AS u
    ON CONFLICT (aggregation_id, kind_id, day, interval_seconds, phase) DO UPDATE SET
        version = excluded.version, first_s = excluded.first_s, decimals = excluded.decimals, vals = excluded.vals
""")


async def held_sums(session: AsyncSession, line: Line, days: Sequence[date]) -> dict[date, HeldSum]:
    """The sums as they are stored, by day."""
    rows = await session.execute(select(sum_day).where(line.holds(sum_day), sum_day.c.day.in_(days)))
    return {row.day: HeldSum(row.version, SumDay(row.first_s, row.decimals, tuple(_values(row.vals)))) for row in rows}


async def save_sums(session: AsyncSession, line: Line, sums: Mapping[date, HeldSum]) -> None:
    """Store sums in place of those that are held."""
    columns = {
        "days": list(sums),
        "versions": [one.version for one in sums.values()],
        "firsts": [one.total.first for one in sums.values()],
        "decimals": [one.total.decimals for one in sums.values()],
        "vals": [json.dumps(one.total.values) for one in sums.values()],
    }
    await session.execute(_SAVE_SUMS, line._asdict() | columns)


_AMOUNTS = text("""
    SELECT d.service_point_id, d.kind_id, sum(d.amount) AS amount
    FROM aggregation_member m JOIN member_day d ON d.service_point_id = m.service_point_id
    WHERE m.aggregation_id = :id AND d.day >= :first_day AND d.day <= :last_day
    GROUP BY d.service_point_id, d.kind_id
""")


async def amounts(session: AsyncSession, aggregation_id: UUID, first_day: date, last_day: date) -> AsyncIterator[tuple[UUID, int, Decimal]]:
    """(point, kind, sum of absolute values) of all members in these days."""
    for row in await session.execute(_AMOUNTS, {"id": aggregation_id, "first_day": first_day, "last_day": last_day}):
        yield row.service_point_id, row.kind_id, row.amount


async def has_sums(session: AsyncSession, aggregation_id: UUID) -> bool:
    """Whether there is any sum to read."""
    return await session.scalar(select(sum_day.c.version).where(sum_day.c.aggregation_id == aggregation_id).limit(1)) is not None
