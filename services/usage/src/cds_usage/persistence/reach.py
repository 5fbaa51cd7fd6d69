"""Which Usage Segments a token reaches, and how its windows cut them (CDS-WG3-01 §7.2.8, §7.3.6, §7.3.7).

Every row of the result is one segment as the token sees it: cut to the rows that lie wholly inside the time in which the
Grant's customer had to do with the anchor, inside `segment_start`/`segment_end`, and before a `sync_until` that has passed.
Rows that overlap the edge of a window are not shown.

Constant texts, since building this statement from expressions took 12 ms of every request.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, Subquery, Text, Uuid, column, text
from sqlalchemy.dialects.postgresql import ARRAY as PG_ARRAY
from sqlalchemy.dialects.postgresql import TIMESTAMP

from cds_common.grant_copy import Access
from cds_usage.domain.calendar import micros_of

FLAG = "include_usage_segments"

_SEGMENT = """s.segment_id, s.owner_id, s.service_point_id, s.meter_device_id, s.aggregation_id, s.interval_seconds, s.phase, s.kind_ids,
    s.account_ids, s.contract_ids, s.aggregation_number, s.account_number, s.contract_number, s.created, s.modified, s.synced"""

_OPENED = """
    SELECT o.slot, o.kinds, o.frozen_micros, o.frozen_second, e.reach_all, e.grant_id, e.entry_no,
        CAST(ceil(extract(epoch FROM e.segment_start)) AS bigint) AS low, CAST(floor(extract(epoch FROM e.segment_end)) AS bigint) AS high
    FROM unnest(CAST(:slots AS integer[]), CAST(:grant_ids AS text[]), CAST(:entry_nos AS integer[]), CAST(:kinds AS text[]),
        CAST(:frozen_micros AS bigint[]), CAST(:frozen_seconds AS bigint[])) AS o
        (slot, grant_id, entry_no, kinds, frozen_micros, frozen_second)
    JOIN entitlement_entry e ON e.grant_id = o.grant_id AND e.entry_no = o.entry_no
"""

_THINGS = """
    SELECT o.slot, x.kind, x.object_id,
        greatest(o.low, CAST(ceil(extract(epoch FROM x.starts_at)) AS bigint)) AS low,
        least(o.high, CAST(floor(extract(epoch FROM x.ends_at)) AS bigint)) AS high
    FROM opened o JOIN entitlement_object x ON x.grant_id = o.grant_id AND x.entry_no = o.entry_no AND x.reach
"""

# A contract or account opens a Service Point's segments for as long as the contract was served there.
_FOUND = """
    SELECT t.slot, s.segment_id, t.low, t.high FROM things t JOIN usage_segment s ON s.owner_id = t.object_id
        WHERE t.kind IN ('service_point', 'aggregation')
    UNION ALL
    SELECT t.slot, s.segment_id, t.low, t.high FROM things t JOIN usage_segment s ON s.meter_device_id = t.object_id
        WHERE t.kind = 'meter_device'
    UNION ALL
    SELECT t.slot, s.segment_id, greatest(t.low, c.start_s), least(t.high, c.end_s)
        FROM things t JOIN contract_tenure c ON c.contract_id = t.object_id JOIN usage_segment s ON s.owner_id = c.service_point_id
        WHERE t.kind = 'service_contract' AND c.contract_id = ANY (s.contract_ids)
    UNION ALL
    SELECT t.slot, s.segment_id, greatest(t.low, c.start_s), least(t.high, c.end_s)
        FROM things t JOIN contract_tenure c ON c.account_id = t.object_id JOIN usage_segment s ON s.owner_id = c.service_point_id
        WHERE t.kind = 'account' AND c.contract_id = ANY (s.contract_ids)
    UNION ALL
    SELECT o.slot, s.segment_id, o.low, o.high FROM opened o JOIN usage_segment s ON s.environment = :environment AND (
            ('service_point' = ANY (o.reach_all) AND s.service_point_id IS NOT NULL)
            OR ('meter_device' = ANY (o.reach_all) AND s.meter_device_id IS NOT NULL)
            OR ('service_contract' = ANY (o.reach_all) AND cardinality(s.contract_ids) > 0)
            OR ('account' = ANY (o.reach_all) AND cardinality(s.account_ids) > 0)
            OR ('aggregation' = ANY (o.reach_all) AND s.aggregation_id IS NOT NULL))
        WHERE CAST(:everything AS boolean)
"""

# Window edges move inwards to the grid, and are null where they do not cut. Rows start after 1970, so that `/` rounds down.
_CUT = """
    SELECT f.segment_id, f.slot,
        CASE WHEN f.first_row > f.lo_s THEN f.first_row END AS cut_lo, CASE WHEN f.last_end < f.hi_s THEN f.last_end END AS cut_hi
    FROM (
        SELECT f.segment_id, f.slot, s.lo_s, s.hi_s,
            (f.low - s.phase + s.interval_seconds - 1) / s.interval_seconds * s.interval_seconds + s.phase AS first_row,
            (least(f.high, o.frozen_second) - s.phase) / s.interval_seconds * s.interval_seconds + s.phase AS last_end
        FROM found f JOIN opened o ON o.slot = f.slot JOIN usage_segment s ON s.segment_id = f.segment_id
        WHERE s.environment = :environment AND (o.kinds IS NULL OR s.kind_ids && CAST(o.kinds AS integer[]))
            AND (o.frozen_micros IS NULL OR s.first_source <= o.frozen_micros)
    ) f
"""

_REACHED = f"""
    WITH opened AS ({_OPENED}), things AS ({_THINGS}), found (slot, segment_id, low, high) AS ({_FOUND}), cut AS ({_CUT})
    SELECT {_SEGMENT}, array_agg(DISTINCT c.slot ORDER BY c.slot) AS slots, c.cut_lo, c.cut_hi,
        greatest(s.start_s, c.cut_lo) AS c_start, least(s.end_s, c.cut_hi) AS c_end
    FROM cut c JOIN usage_segment s ON s.segment_id = c.segment_id
    WHERE least(s.end_s, c.cut_hi) > greatest(s.start_s, c.cut_lo)
    GROUP BY s.segment_id, c.cut_lo, c.cut_hi
"""  # noqa: S608  # constant text

# One entry that opens all Service Points without a window: the listing's index gives the rows in their order.
_EVERY_POINT = f"""
    SELECT {_SEGMENT}, ARRAY[CAST(:slot AS integer)] AS slots, CAST(NULL AS bigint) AS cut_lo, CAST(NULL AS bigint) AS cut_hi,
        s.start_s AS c_start, s.end_s AS c_end
    FROM usage_segment s
    WHERE s.environment = :environment AND (s.service_point_id IS NOT NULL OR s.aggregation_id IN (
            SELECT x.object_id FROM entitlement_object x
            WHERE x.grant_id = :grant_id AND x.entry_no = :entry_no AND x.reach AND x.kind = 'aggregation'
        )) AND (CAST(:kinds AS text) IS NULL OR s.kind_ids && CAST(CAST(:kinds AS text) AS integer[]))
"""  # noqa: S608  # constant text

_CODE_POINTS = Text(collation="C")
_COLUMNS = (
    column("segment_id", Uuid), column("owner_id", Uuid), column("service_point_id", Uuid), column("meter_device_id", Uuid),
    column("aggregation_id", Uuid), column("interval_seconds", Integer), column("phase", Integer), column("kind_ids", PG_ARRAY(Integer)),
    column("account_ids", PG_ARRAY(Uuid)), column("contract_ids", PG_ARRAY(Uuid)), column("aggregation_number", _CODE_POINTS),
    column("account_number", _CODE_POINTS), column("contract_number", _CODE_POINTS), column("created", TIMESTAMP(timezone=True)),
    column("modified", TIMESTAMP(timezone=True)), column("synced", TIMESTAMP(timezone=True)), column("slots", ARRAY(Integer)),
    column("cut_lo", BigInteger), column("cut_hi", BigInteger), column("c_start", BigInteger), column("c_end", BigInteger),
)  # fmt: skip
_REACHED_TEXT = text(_REACHED)
_EVERY_POINT_TEXT = text(_EVERY_POINT)


def reached_segments(access: Access, kinds_by_slot: Mapping[int, Sequence[int] | None], now: datetime) -> Subquery:
    """The columns of `usage_segment` that a listing needs with `slots`, `cut_lo`, `cut_hi`, `c_start` and `c_end`.

    `kinds_by_slot`: the kinds of series that each entry may show; None = time frames only, of every kind. `cut_lo` and
    `cut_hi` are None where no window cuts.
    """
    every_point, arguments = reach_parameters(access, kinds_by_slot, now)
    statement: Any = _EVERY_POINT_TEXT if every_point else _REACHED_TEXT
    bound: Subquery = statement.bindparams(**arguments).columns(*_COLUMNS).subquery("reached")
    return bound


def reach_parameters(access: Access, kinds_by_slot: Mapping[int, Sequence[int] | None], now: datetime) -> tuple[bool, dict[str, Any]]:
    """Which of the two statements `reached_segments` takes, and the values of its binds."""
    if _opens_every_point(access, kinds_by_slot, now):
        return True, _every_point(access, kinds_by_slot)
    entries = [access.entries[slot] for slot in kinds_by_slot]
    frozen = [access.frozen_at(slot, now) for slot in kinds_by_slot]
    return False, {
        "slots": list(kinds_by_slot),
        "grant_ids": [entry.grant_id for entry in entries],
        "entry_nos": [entry.entry_no for entry in entries],
        "kinds": [_array(kinds) for kinds in kinds_by_slot.values()],
        "frozen_micros": [None if at is None else micros_of(at) for at in frozen],
        "frozen_seconds": [None if at is None else int(at.timestamp()) for at in frozen],
        "environment": access.environment,
        "everything": any(entry.reach_all for entry in entries),
    }


def _opens_every_point(access: Access, kinds_by_slot: Mapping[int, Any], now: datetime) -> bool:
    if len(kinds_by_slot) != 1:
        return False
    entry = access.entries[next(iter(kinds_by_slot))]
    windowless = entry.segment_start is None and entry.segment_end is None and access.frozen_at(entry.slot, now) is None
    return windowless and "service_point" in entry.reach_all and "aggregation" not in entry.reach_all


def _every_point(access: Access, kinds_by_slot: Mapping[int, Sequence[int] | None]) -> dict[str, Any]:
    ((slot, kinds),) = kinds_by_slot.items()
    entry = access.entries[slot]
    arguments = {"slot": slot, "grant_id": entry.grant_id, "entry_no": entry.entry_no, "environment": access.environment}
    return arguments | {"kinds": _array(kinds)}


def _array(kinds: Sequence[int] | None) -> str | None:
    return None if kinds is None else "{" + ",".join(map(str, kinds)) + "}"
