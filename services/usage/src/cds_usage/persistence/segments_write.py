"""Rows of `usage_segment`: what a listing filters and sorts by, kept in step with the day blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_usage.domain.segments import Part, Period
from cds_usage.persistence.tables import service_point_period, usage_segment


@dataclass(slots=True)
class SegmentTouch:
    """What one batch knows of a segment. `modified` None = confirmed without a change."""

    part: Part
    start: int
    end: int
    kind_ids: set[int]
    first_source: int
    created: datetime
    modified: datetime | None
    synced: datetime

    def add(self, other: "SegmentTouch") -> None:
        """Join what another block knows of the same segment."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.kind_ids |= other.kind_ids
        self.first_source = min(self.first_source, other.first_source)
        self.created, self.synced = min(self.created, other.created), max(self.synced, other.synced)
        if other.modified is not None:
            self.modified = other.modified if self.modified is None else max(self.modified, other.modified)


def collect(touches: Iterable[SegmentTouch]) -> list[SegmentTouch]:
    """One touch per segment, in the order of ids: two writers lock rows in one order."""
    found = dict[UUID, SegmentTouch]()
    for touch in touches:
        held = found.get(touch.part.segment_id)
        if held is None:
            found[touch.part.segment_id] = touch
        else:
            held.add(touch)
    return [found[segment_id] for segment_id in sorted(found, key=str)]


_UPDATE = text("""
    WITH t AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:starts AS bigint[]), CAST(:ends AS bigint[]), CAST(:kinds AS text[]), CAST(:sources AS bigint[]),
            CAST(:modifieds AS timestamptz[]), CAST(:synceds AS timestamptz[])
        ) AS u (segment_id, start_s, end_s, kinds, first_source, modified, synced)
    )
    UPDATE usage_segment s SET
        start_s = least(s.start_s, t.start_s), end_s = greatest(s.end_s, t.end_s), first_source = least(s.first_source, t.first_source),
        kind_ids = CASE WHEN s.kind_ids @> CAST(t.kinds AS integer[]) THEN s.kind_ids
            ELSE ARRAY(SELECT DISTINCT k FROM unnest(s.kind_ids || CAST(t.kinds AS integer[])) k ORDER BY k) END,
        modified = greatest(s.modified, t.modified), synced = greatest(s.synced, t.synced)
    FROM t WHERE s.segment_id = t.segment_id
""")

_INSERT = text("""
    INSERT INTO usage_segment (segment_id, environment, owner_kind, owner_id, service_point_id, meter_device_id, aggregation_id,
        interval_seconds, phase, start_s, end_s, lo_s, hi_s, kind_ids, first_source, account_ids, contract_ids,
        aggregation_number, account_number, contract_number, created, modified, synced)
    SELECT u.segment_id, u.environment, u.owner_kind, u.owner_id,
        CASE WHEN u.owner_kind = 'service_point' THEN u.owner_id END, u.meter_device_id,
        CASE WHEN u.owner_kind = 'aggregation' THEN u.owner_id END,
        u.interval_seconds, u.phase, u.start_s, u.end_s, u.lo_s, u.hi_s, CAST(u.kinds AS integer[]), u.first_source,
        CAST(u.accounts AS uuid[]), CAST(u.contracts AS uuid[]),
        (SELECT a.aggregation_number FROM aggregation_copy a WHERE u.owner_kind = 'aggregation' AND a.aggregation_id = u.owner_id),
        (SELECT min(r.number) FROM resource r WHERE r.resource_id = ANY (CAST(u.accounts AS uuid[]))),
        (SELECT min(r.number) FROM resource r WHERE r.resource_id = ANY (CAST(u.contracts AS uuid[]))),
        u.created, u.modified, u.synced
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:environments AS text[]), CAST(:owner_kinds AS text[]), CAST(:owners AS uuid[]), CAST(:meters AS uuid[]),
        CAST(:intervals AS integer[]), CAST(:phases AS integer[]), CAST(:starts AS bigint[]), CAST(:ends AS bigint[]),
        CAST(:los AS bigint[]), CAST(:his AS bigint[]), CAST(:kinds AS text[]), CAST(:sources AS bigint[]),
        CAST(:accounts AS text[]), CAST(:contracts AS text[]),
        CAST(:createds AS timestamptz[]), CAST(:modifieds AS timestamptz[]), CAST(:synceds AS timestamptz[])
    ) AS u (segment_id, environment, owner_kind, owner_id, meter_device_id, interval_seconds, phase, start_s, end_s, lo_s, hi_s, kinds,
        first_source, accounts, contracts, created, modified, synced)
""")


async def touch_segments(session: AsyncSession, touches: Iterable[SegmentTouch]) -> None:
    """Widen, confirm or create the segments."""
    found = collect(touches)
    if not found:
        return
    ids = [touch.part.segment_id for touch in found]
    known = set(await session.scalars(select(usage_segment.c.segment_id).where(usage_segment.c.segment_id == func.any(ids))))
    new = [touch for touch in found if touch.part.segment_id not in known]
    # Before the first row is locked: who changes a number locks it first, and then the rows. At night hardly any segment is new.
    await _keep_numbers(session, new)
    await session.execute(
        _UPDATE,
        {
            "ids": ids,
            "starts": [touch.start for touch in found],
            "ends": [touch.end for touch in found],
            "kinds": [_integers(touch.kind_ids) for touch in found],
            "sources": [touch.first_source for touch in found],
            "modifieds": [touch.modified for touch in found],
            "synceds": [touch.synced for touch in found],
        },
    )
    await insert_segments(session, new)


async def insert_segments(session: AsyncSession, touches: Sequence[SegmentTouch]) -> None:
    """Create segments that do not exist; numbers for the order come from the copies of their owners."""
    if not touches:
        return
    await session.execute(
        _INSERT,
        {
            "ids": [touch.part.segment_id for touch in touches],
            "environments": [touch.part.group.environment for touch in touches],
            "owner_kinds": [touch.part.group.owner_kind for touch in touches],
            "owners": [touch.part.group.owner_id for touch in touches],
            "meters": [touch.part.group.meter_device_id for touch in touches],
            "intervals": [touch.part.group.interval_seconds for touch in touches],
            "phases": [touch.part.phase for touch in touches],
            "starts": [touch.start for touch in touches],
            "ends": [touch.end for touch in touches],
            "los": [touch.part.lo for touch in touches],
            "his": [touch.part.hi for touch in touches],
            "kinds": [_integers(touch.kind_ids) for touch in touches],
            "sources": [touch.first_source for touch in touches],
            "accounts": [_uuids(touch.part.period.account_ids) for touch in touches],
            "contracts": [_uuids(touch.part.period.contract_ids) for touch in touches],
            "createds": [touch.created for touch in touches],
            "modifieds": [touch.modified or touch.created for touch in touches],
            "synceds": [touch.synced for touch in touches],
        },
    )


async def replace_segments(session: AsyncSession, owner_id: UUID, touches: Iterable[SegmentTouch]) -> None:
    """Put the segments of an owner anew, as its contracts have them now; ids that stay keep their `created`."""
    found = collect(touches)
    await _keep_numbers(session, found)
    await session.execute(delete(usage_segment).where(usage_segment.c.owner_id == owner_id))
    await insert_segments(session, found)


async def _keep_numbers(session: AsyncSession, touches: Iterable[SegmentTouch]) -> None:
    """Let no number of these accounts and contracts change until the transaction ends: a segment made meanwhile would miss it."""
    periods = {touch.part.period for touch in touches}
    numbered = {one for period in periods for one in (*period.account_ids, *period.contract_ids)}
    if numbered:
        await lock_shared(session, numbered)


async def load_periods(session: AsyncSession, owner_ids: Iterable[UUID]) -> dict[UUID, list[Period]]:
    """The contract periods of Service Points; unknown ones are missing."""
    table = service_point_period
    rows = await session.execute(
        select(table).where(table.c.service_point_id.in_(set(owner_ids))).order_by(table.c.service_point_id, table.c.no)
    )
    found = dict[UUID, list[Period]]()
    for row in rows:
        found.setdefault(row.service_point_id, []).append(Period(row.start_s, row.end_s, tuple(row.contract_ids), tuple(row.account_ids)))
    return found


def _integers(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, sorted(numbers))) + "}"


def _uuids(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


_LOCK_SHARED = text("""
    SELECT pg_advisory_xact_lock_shared(hashtextextended(CAST(id AS text), 7))
    FROM unnest(CAST(:ids AS uuid[])) AS u (id) ORDER BY id
""")
_LOCK = text("""
    SELECT pg_advisory_xact_lock(hashtextextended(CAST(id AS text), 7))
    FROM unnest(CAST(:ids AS uuid[])) AS u (id) ORDER BY id
""")


async def lock_shared(session: AsyncSession, ids: Iterable[UUID]) -> None:
    """Keep the contract periods of these owners, or the numbers of these accounts and contracts, until the transaction ends."""
    await session.execute(_LOCK_SHARED, {"ids": sorted(set(ids), key=str)})


async def lock(session: AsyncSession, ids: Iterable[UUID]) -> None:
    """Keep all who write values of these owners, or segments of these accounts and contracts, out until the transaction ends."""
    await session.execute(_LOCK, {"ids": sorted(set(ids), key=str)})
