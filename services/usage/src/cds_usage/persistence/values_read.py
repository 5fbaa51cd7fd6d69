"""The stored columns behind one page of segments, in one query; history only where a Grant is frozen before the newest value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.hot_sql import Compiled
from cds_usage.domain.day_block import BlockKey
from cds_usage.domain.packing import PackedBlock


@dataclass(frozen=True, slots=True)
class ValuesWanted:
    """The rows of one segment: `kinds` with the moment (microseconds) at which each is frozen, or None for the present."""

    owner_id: UUID
    meter_device_id: UUID | None
    interval_seconds: int
    phase: int
    first_day: date
    last_day: date
    kinds: dict[int, int | None]


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A run of days of one column that can be sent as they lie, or one day (`packed`) that cannot."""

    segment_no: int
    kind_id: int
    series_id: UUID
    day: date
    first: int
    count: int
    quality: int
    source_max: int
    versions: int
    """Sum of the versions of its days: rises with every change."""
    created: datetime
    modified: datetime
    fragment: bytes | None
    packed: PackedBlock | None


_COLUMNS = Compiled.of(
    text("""
    WITH wanted AS (
        SELECT * FROM unnest(
            CAST(:nos AS integer[]), CAST(:owners AS uuid[]), CAST(:meters AS uuid[]), CAST(:intervals AS integer[]),
            CAST(:phases AS integer[]), CAST(:first_days AS date[]), CAST(:last_days AS date[]), CAST(:kinds AS integer[]),
            CAST(:moments AS bigint[])
        ) AS u (no, owner_id, meter_device_id, interval_seconds, phase, first_day, last_day, kind_id, frozen)
    )
    , days AS (
        SELECT w.no, w.kind_id, w.interval_seconds, b.series_id, b.day, b.first_s, b.count, b.quality, b.source_min, b.source_max,
            b.version, b.created, b.modified, b.fragment, b.vals, b.decimals, b.decimals_each, b.qualities_each, b.sources_each,
            b.fragment IS NOT NULL AND (w.frozen IS NULL OR b.source_max <= w.frozen) AS whole
        FROM wanted w
        JOIN series s ON s.owner_id = w.owner_id AND s.kind_id = w.kind_id AND s.meter_device_id IS NOT DISTINCT FROM w.meter_device_id
        JOIN day_block b ON b.owner_id = w.owner_id AND b.series_id = s.series_id AND b.day BETWEEN w.first_day AND w.last_day
            AND b.interval_seconds = w.interval_seconds AND b.phase = w.phase
        WHERE b.day BETWEEN :first_day AND :last_day
    ), runs AS (
        SELECT d.*, CASE WHEN whole THEN first_s - interval_seconds * (
            sum(count) OVER (PARTITION BY no, kind_id, series_id, quality, whole ORDER BY first_s) - count
        ) ELSE first_s END AS run
        FROM days d
    )
    SELECT no, kind_id, series_id, min(day) AS day, min(first_s) AS first_s, sum(count) AS slots, quality, whole,
        min(source_min) AS source_min, max(source_max) AS source_max, sum(version) AS versions, min(decimals) AS decimals,
        max(created) AS created, max(modified) AS modified,
        string_agg(fragment, ',' ORDER BY first_s) FILTER (WHERE whole) AS fragment,
        string_agg(vals, '') FILTER (WHERE NOT whole) AS vals,
        string_agg(decimals_each, '') FILTER (WHERE NOT whole) AS decimals_each,
        string_agg(qualities_each, '') FILTER (WHERE NOT whole) AS qualities_each,
        string_agg(sources_each, '') FILTER (WHERE NOT whole) AS sources_each
    FROM runs
    GROUP BY no, kind_id, series_id, quality, whole, run
    ORDER BY no, kind_id, min(first_s)
""")
)

_HISTORY = text("""
    SELECT h.owner_id, h.series_id, h.day, h.interval_seconds, h.phase, h.first_s, h.count AS slots, h.vals, h.decimals, h.decimals_each,
        h.quality, h.qualities_each, h.source_min, h.source_max, h.recorded
    FROM unnest(
        CAST(:owners AS uuid[]), CAST(:series AS uuid[]), CAST(:days AS date[]), CAST(:intervals AS integer[]), CAST(:phases AS integer[])
    ) AS k (owner_id, series_id, day, interval_seconds, phase)
    JOIN day_block_history h USING (owner_id, series_id, day, interval_seconds, phase)
    ORDER BY h.seq
""")


async def load_columns(session: AsyncSession, wanted: Sequence[ValuesWanted]) -> list[list[StoredColumn]]:
    """The stored days of each wanted segment, by kind and time."""
    found = [list[StoredColumn]() for _ in wanted]
    flat = [(no, one, kind_id, frozen) for no, one in enumerate(wanted) for kind_id, frozen in one.kinds.items()]
    if not flat:
        return found
    rows = await _COLUMNS.rows(
        session,
        {
            "nos": [no for no, *_ in flat],
            "owners": [one.owner_id for _, one, *_ in flat],
            "meters": [one.meter_device_id for _, one, *_ in flat],
            "intervals": [one.interval_seconds for _, one, *_ in flat],
            "phases": [one.phase for _, one, *_ in flat],
            "first_days": [one.first_day for _, one, *_ in flat],
            "last_days": [one.last_day for _, one, *_ in flat],
            "kinds": [kind_id for _, _, kind_id, _ in flat],
            "moments": [frozen for *_, frozen in flat],
            "first_day": min(one.first_day for one in wanted),
            "last_day": max(one.last_day for one in wanted),
        },
    )
    for row in rows:
        packed = None
        if not row.whole:
            packed = PackedBlock(
                row.first_s, row.slots, row.vals, row.decimals, row.decimals_each, row.quality, row.qualities_each, row.source_min,
                row.source_max, row.sources_each,
            )  # fmt: skip
        found[row.no].append(
            StoredColumn(
                row.no,
                row.kind_id,
                row.series_id,
                row.day,
                row.first_s,
                row.slots,
                row.quality,
                row.source_max,
                row.versions,
                row.created,
                row.modified,
                row.fragment,
                packed,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """Superseded values of a block."""

    packed: PackedBlock
    recorded: datetime


async def load_history(session: AsyncSession, keys: Iterable[BlockKey]) -> dict[BlockKey, list[StoredLayer]]:
    """Superseded values of these blocks, in the order in which they were recorded."""
    held = list(keys)
    layers = dict[BlockKey, list[StoredLayer]]()
    if not held:
        return layers
    owners, series, days, intervals, phases = zip(*held, strict=True)
    arrays = {"owners": list(owners), "series": list(series), "days": list(days), "intervals": list(intervals), "phases": list(phases)}
    for row in await session.execute(_HISTORY, arrays):
        packed = PackedBlock(
            row.first_s, row.slots, row.vals, row.decimals, row.decimals_each, row.quality, row.qualities_each, row.source_min,
            row.source_max, None,
        )  # fmt: skip
        layers.setdefault(BlockKey(*row[:5]), []).append(StoredLayer(packed, row.recorded))
    return layers
