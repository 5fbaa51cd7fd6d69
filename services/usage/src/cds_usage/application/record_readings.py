"""Take in readings of the utility: one transaction for a batch of messages (CDS-WG3-01 §10.8)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.batches import shares
from cds_common.events.utility import ReadingsRecordedV1, SeriesShape
from cds_common.events.values import UsageDay, UsageDaysV1
from cds_common.ids import Environment, resource_id
from cds_common.outbox import record_events
from cds_usage.application.block_merging import ChangedBlock, merge_slices
from cds_usage.domain.calendar import Calendar, micros_of, moment_of, moment_of_micros, seconds_of
from cds_usage.domain.day_block import QUALITIES, BlockKey, Slice
from cds_usage.domain.series import Series, SeriesKind
from cds_usage.domain.slicing import Run, by_day
from cds_usage.domain.standard_units import standard_gas
from cds_usage.domain.supply_mix import SUPPLY_MIX, MixNote
from cds_usage.persistence.mix_notes import keep_mix_note
from cds_usage.persistence.partitions import check_day
from cds_usage.persistence.series import SeriesKinds, add_series

# Days of the same points arrive again and again, and a UUIDv5 costs as much as cutting the day.
_named = lru_cache(maxsize=200_000)(resource_id)
_series = lru_cache(maxsize=200_000)(Series.of)


@lru_cache(maxsize=10_000)
def _kind(shape: SeriesShape, units: str | None, interval_seconds: int) -> SeriesKind:
    return SeriesKind.of(shape.model_dump() | {"units": units}, interval_seconds)


Pieces = dict[BlockKey, list[Slice]]

MAX_EVENT_VALUES = 25_000
"""Values in one event, so that also the widest of them stay below what the bus carries."""


class Readings:
    """The slices of a batch, by block, with their series."""

    def __init__(self, calendar: Calendar, today: datetime) -> None:
        self._calendar, self._today = calendar, calendar.day_of(int(today.timestamp()))
        self.pieces: Pieces = {}
        self.series: dict[UUID, Series] = {}
        self.notes: list[tuple[BlockKey, MixNote]] = []

    def add(self, event: ReadingsRecordedV1) -> None:
        """Cut a message into days.

        Raises:
            ValueError: a reading starts inside a second, or lies outside of the time that is stored.
        """
        units, values, decimals = event.shape.units, event.values, event.decimals
        if event.shape.value_type == "natural_gas_usage":
            units, values, decimals = standard_gas(units, values, decimals)
        kind = _kind(event.shape, units, event.interval_seconds)  # pyright: ignore[reportArgumentType]  # frozen, so hashable
        point = _named(event.environment, "service_point", event.servicepoint_ref)
        meter = _named(event.environment, "meter_device", event.meter_ref) if event.meter_ref is not None else None
        series = _series(event.environment, "service_point", point, meter, kind)
        self.series[series.series_id] = series
        start, step = seconds_of(event.start), event.interval_seconds
        run = Run(start, step, values, decimals, QUALITIES.index(event.quality), micros_of(event.source_time))
        for day, piece in by_day(run, self._calendar):
            check_day(day, self._today)
            key = BlockKey(point, series.series_id, day, step, start % step)
            self.pieces.setdefault(key, []).append(piece)
            if kind.value_type == SUPPLY_MIX:
                self.notes.append((key, _note(event, piece, (piece.first - start) // step)))


def _note(event: ReadingsRecordedV1, piece: Slice, offset: int) -> MixNote:
    said, count = event.carbon_intensity, len(piece.values)
    intensities = tuple[Decimal | None, ...]([None] * count if said is None else said[offset : offset + count])
    eac_ids = tuple(resource_id(event.environment, "eac", ref) for ref in dict.fromkeys(event.eac_refs))
    return MixNote(piece.first, piece.source, intensities, eac_ids)


async def record_readings(
    session: AsyncSession, readings: Readings, kinds: SeriesKinds, calendar: Calendar, now: datetime
) -> list[ChangedBlock]:
    """Merge a batch, keep its history, and publish every day whose values changed.

    Raises:
        ConcurrentWrite: another consumer changed one of the blocks meanwhile.
    """
    ids = await kinds.ids(session, (series.kind for series in readings.series.values()))
    await add_series(session, readings.series.values(), ids)
    series = {series_id: (known, ids[known.kind]) for series_id, known in readings.series.items()}
    annotated = {key for key, note in readings.notes if await keep_mix_note(session, key, note)}
    changed = await merge_slices(session, readings.pieces, series, calendar=calendar, now=now, annotated=annotated)
    record_events(session, _events(changed, now))
    return changed


def _events(changed: Sequence[ChangedBlock], now: datetime) -> Iterator[UsageDaysV1]:
    shapes = dict[SeriesKind, SeriesShape]()
    lanes = dict[tuple[Environment, int], list[UsageDay]]()
    for item in changed:
        kind = item.series.kind
        shape = shapes.get(kind)
        if shape is None:
            shape = shapes[kind] = SeriesShape.model_validate(kind.as_dict())
        lane = item.series.environment, UsageDaysV1.lane_of(item.series.owner_id)
        lanes.setdefault(lane, []).append(_day(item, shape))
    for (environment, lane), days in lanes.items():
        for share in shares(days, lambda day: len(day.values), MAX_EVENT_VALUES):
            yield UsageDaysV1(environment=environment, occurred_at=now, lane=lane, days=share)


def _day(item: ChangedBlock, shape: SeriesShape) -> UsageDay:
    return UsageDay(
        series_id=item.series.series_id,
        service_point_id=item.series.owner_id,
        meter_device_id=item.series.meter_device_id,
        shape=shape,
        quality=QUALITIES[item.packed.quality] if item.packed.quality >= 0 else None,
        interval_seconds=item.key.interval_seconds,
        day=item.key.day,
        version=item.version,
        start=moment_of(item.block.first),
        decimals=item.packed.decimals if item.packed.decimals_each is None else list(item.packed.decimals_each),
        values=item.block.values,
        source_time=moment_of_micros(item.packed.source_max),
    )
