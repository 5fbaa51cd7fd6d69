"""Merge slices into their day blocks and write what follows: history, segments, and what changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_usage.domain.calendar import Calendar, moment_of_micros
from cds_usage.domain.day_block import BlockKey, DayBlock, Merged, Slice, Superseded, block_of, merge
from cds_usage.domain.fragments import column_cells, fragment
from cds_usage.domain.packing import MIXED, PackedBlock, pack, unpack
from cds_usage.domain.segments import Group, Period, parts_of
from cds_usage.domain.series import Series
from cds_usage.domain.supply_mix import SUPPLY_MIX
from cds_usage.persistence.day_blocks import BlockWrite, StoredBlock, keep_history, load_blocks, save_blocks
from cds_usage.persistence.segments_write import SegmentTouch, load_periods, lock_shared, touch_segments

Merge = Callable[[DayBlock | None, int, Slice], Merged]


@dataclass(frozen=True, slots=True)
class ChangedBlock:
    """A block after a change that a reader can see."""

    key: BlockKey
    series: Series
    block: DayBlock
    packed: PackedBlock
    version: int
    """Of the published event; the counter in the store begins anew with the store."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    key: BlockKey
    merged: Merged
    packed: PackedBlock
    version: int
    created: datetime
    rewritten: bool

    @property
    def changed(self) -> bool:
        return self.merged.changed_from is not None

    @property
    def synced(self) -> datetime:
        """A source that repeats a value confirms it, and its moment then stands with the value."""
        return moment_of_micros(self.packed.source_max)


async def merge_slices(
    session: AsyncSession,
    slices: Mapping[BlockKey, Sequence[Slice]],
    series: Mapping[UUID, tuple[Series, int]],
    *,
    calendar: Calendar,
    now: datetime,
    lay: Merge = merge,
    annotated: Set[BlockKey] = frozenset(),
) -> list[ChangedBlock]:
    """Lay all `slices` (in order of arrival) into their blocks. `series` gives each series with the id of its kind.

    `annotated` blocks have changed in what stands beside their values, also where the values are the same.

    Raises:
        ConcurrentWrite: another consumer changed one of the blocks meanwhile.
    """
    if not slices:
        return []
    keys = sorted(slices, key=lambda key: (str(key.owner_id), key.day, str(key.series_id), key.interval_seconds, key.phase))
    await lock_shared(session, {key.owner_id for key in keys})
    stored = await load_blocks(session, keys)
    outcomes = [_lay_all(key, stored.get(key), slices[key], now, lay, annotated=key in annotated) for key in keys]
    value_types = {series_id: known.kind.value_type for series_id, (known, _) in series.items()}
    writes = [
        BlockWrite(
            outcome.key, outcome.packed, _fragment(outcome, value_types[outcome.key.series_id]), outcome.version,
            now if outcome.changed else stored[outcome.key].modified, outcome.synced,
        )
        for outcome in outcomes
        if outcome.rewritten
    ]  # fmt: skip
    await save_blocks(session, writes, now)
    await keep_history(session, ((outcome.key, layer) for outcome in outcomes for layer in history_layers(outcome.merged)), now)
    periods = await load_periods(session, {key.owner_id for key in keys})
    await touch_segments(session, _touches(outcomes, series, periods, calendar, now))
    return [
        ChangedBlock(
            outcome.key, series[outcome.key.series_id][0], outcome.merged.block, outcome.packed, _published(stored.get(outcome.key), now)
        )
        for outcome in outcomes
        if outcome.changed
    ]  # fmt: skip


def _published(stored: StoredBlock | None, now: datetime) -> int:
    """The version of the day's event: microseconds, above those of the change before and of a store that was lost since."""
    micros = int(now.timestamp() * 1_000_000)
    return micros if stored is None else max(micros, int(stored.modified.timestamp() * 1_000_000) + 1)


def _lay_all(key: BlockKey, stored: StoredBlock | None, slices: Sequence[Slice], now: datetime, lay: Merge, *, annotated: bool) -> _Outcome:
    block = None if stored is None else unpack(stored.packed, key.interval_seconds)
    whole = Merged(block or block_of(key.interval_seconds, slices[0]))
    for piece in slices:
        step = lay(block, key.interval_seconds, piece)
        block = whole.block = step.block
        whole.superseded += step.superseded
        if step.changed_from is not None and step.changed_to is not None:
            whole.touch(step.changed_from, step.changed_to)
    if annotated:
        whole.touch(whole.block.first, whole.block.end)
    packed = pack(whole.block)
    rewritten = stored is None or annotated or packed != stored.packed
    version = (stored.version if stored else 0) + 1
    return _Outcome(key, whole, packed, version, stored.created if stored else now, rewritten)


def _fragment(outcome: _Outcome, value_type: str) -> bytes | None:
    if outcome.packed.quality == MIXED or value_type == SUPPLY_MIX:
        return None
    return fragment(column_cells(outcome.merged.block, value_type))


def history_layers(merged: Merged) -> list[PackedBlock]:
    """Pack superseded values by the moment at which the source said them; a later one of the same moment goes into a layer after."""
    step, layers = merged.block.interval_seconds, list[tuple[int, dict[int, Superseded]]]()
    for old in merged.superseded:
        home = next((slots for source, slots in layers if source == old.source and old.start not in slots), None)
        if home is None:
            layers.append((old.source, {old.start: old}))
        else:
            home[old.start] = old
    return [_layer(source, slots, step) for source, slots in layers]


def _layer(source: int, slots: dict[int, Superseded], step: int) -> PackedBlock:
    first, last = min(slots), max(slots)
    rows = [slots.get(start) for start in range(first, last + step, step)]
    block = DayBlock(
        step,
        first,
        [row.value if row else None for row in rows],
        [row.decimals if row else 0 for row in rows],
        [row.quality if row else 0 for row in rows],
        [source] * len(rows),
    )
    return pack(block)


def _touches(
    outcomes: Iterable[_Outcome],
    series: Mapping[UUID, tuple[Series, int]],
    periods: Mapping[UUID, list[Period]],
    calendar: Calendar,
    now: datetime,
) -> Iterable[SegmentTouch]:
    for outcome in outcomes:
        known, kind_id = series[outcome.key.series_id]
        group = Group(known.environment, known.owner_kind, known.owner_id, known.meter_device_id, outcome.key.interval_seconds)
        block, merged = outcome.merged.block, outcome.merged
        first_source = min([outcome.packed.source_min, *(old.source for old in merged.superseded)])
        for part in parts_of(group, block.first, block.end, periods.get(known.owner_id, []), calendar):
            changed = (
                merged.changed_from is not None
                and merged.changed_to is not None
                and merged.changed_from < part.end
                and merged.changed_to > part.start
            )
            yield SegmentTouch(
                part, part.start, part.end, {kind_id}, first_source, outcome.created, now if changed else None, outcome.synced
            )
