"""A Green Button usage feed as `utility.*` events: a contract, a point and a meter per usage point, its readings, its bills."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from cds_cli.loading.espi import Feed, IntervalBlock, IntervalReading, ReadingType, SummaryEntry, read_blocks, read_description
from cds_cli.loading.espi_codes import Column, UnknownCode, column, cost_column, quality, service_type
from cds_cli.loading.feed import MalformedFeed
from cds_cli.loading.places import Place, Target, common, known_since, moment
from cds_cli.loading.summary import Summary, reason_of
from cds_cli.loading.usage_summary import NoBill, bill
from cds_common.events.utility import (
    ContractRecordedV1,
    MeterPlacement,
    MeterRecordedV1,
    ReadingsRecordedV1,
    ServicePointRecordedV1,
    UtilityEvent,
)
from cds_common.events.vocabulary import MeterType, ReadingQuality, ServicePointType

__all__ = ["Target", "events"]

BLOCK_VALUES = 3000
METERED: dict[ServicePointType, MeterType] = {
    "electric": "electric_usage",
    "natural_gas": "natural_gas_usage",
    "water": "water_usage",
}
Places = Callable[[str], Place | None]


@dataclass(frozen=True, slots=True)
class Run:
    """Readings without a gap, of one length and quality."""

    column: Column
    start: int
    duration: int
    quality: ReadingQuality | None
    values: list[int]


@dataclass(frozen=True, slots=True)
class _Register:
    """Where the readings of a meter reading go. `number` > 1: one more register of the same kind, told apart as a meter of its own."""

    point: str
    usage: Column
    cost: Column | None
    reading_type: ReadingType
    number: int

    def meter_ref(self, place: Place) -> str:
        """The meter of the register."""
        return place.meter_ref if self.number == 1 else f"{place.meter_ref}-{self.number}"


def events(path: Path, target: Target, summary: Summary, places: Places = lambda _point: None) -> Iterator[UtilityEvent]:
    """Everything that a usage feed says, in an order that needs no waiting. Refusals go to `summary`, never up.

    `places` knows usage points that account data describes; others belong to the account of `target`. Event ids depend on
    the facts alone: the same file twice changes nothing.
    """
    try:
        feed = read_description(path, summary)
    except MalformedFeed as error:
        summary.refuse(path.name, error.line, str(error))
        return
    yield from _Loading(path, feed, target, summary, places).events()


class _Loading:
    """One usage feed on its way."""

    def __init__(self, path: Path, feed: Feed, target: Target, summary: Summary, places: Places) -> None:
        self._path, self._feed, self._target, self._summary = path, feed, target, summary
        self._places = dict[str, Place]()
        for point in feed.usage_points:
            place = places(point) or (Place.of(target, point) if target.account_number else None)
            if place is None:
                self._refuse(None, f"usage point {point!r} belongs to no account that is known: give --account")
            else:
                self._places[point] = place
        self._registers = self._registers_of()
        self._starts = feed.first_starts()
        self._placed = set[tuple[str, int]]()

    def _refuse(self, line: int | None, reason: str) -> None:
        self._summary.refuse(self._path.name, line, reason)

    def events(self) -> Iterator[UtilityEvent]:
        for item in read_blocks(self._path, self._feed, self._summary):
            yield from self._bill(item) if isinstance(item, SummaryEntry) else self._block(item)
        idle = len(self._places.keys() - {point for point, _ in self._placed})
        if idle:
            self._summary.skipped["usage point without readings"] += idle

    def _registers_of(self) -> dict[str, _Register]:
        found, seen = dict[str, _Register](), dict[tuple[object, ...], int]()
        for meter_reading, type_link in self._feed.meter_readings.items():
            point, reading_type = self._feed.point_of(meter_reading), self._feed.reading_types.get(type_link)
            if point is None or reading_type is None:
                missing = "usage point" if point is None else "reading type"
                self._refuse(None, f"meter reading {meter_reading!r} names no known {missing}")
                continue
            try:
                usage = column(reading_type)
            except UnknownCode as error:
                self._refuse(None, f"meter reading {meter_reading!r}: {error}")
                continue
            key = (point, usage.shape, usage.factor, usage.decimals, reading_type.interval_length)
            seen[key] = seen.get(key, 0) + 1
            found[meter_reading] = _Register(point, usage, self._cost(meter_reading, reading_type), reading_type, seen[key])
        return found

    def _cost(self, meter_reading: str, reading_type: ReadingType) -> Column | None:
        try:
            return cost_column(reading_type) if reading_type.currency else None
        except UnknownCode as error:
            self._refuse(None, f"costs of {meter_reading!r}: {error}")
            return None

    def _block(self, block: IntervalBlock) -> Iterator[UtilityEvent]:
        meter_reading = self._feed.meter_reading_of(block.links)
        register = self._registers.get(meter_reading or "")
        if register is None:
            unusable = meter_reading or block.links.own
            self._refuse(block.readings[0].line, f"interval block of an unknown or unusable meter reading {unusable!r}")
            return
        place = self._places.get(register.point)
        if place is None:
            return  # refused once, with its usage point
        last = block.readings[-1]
        try:
            source_time = block.updated or moment(last.start + last.duration)
            yield from self._place(register, place)
            for run in _runs(block.readings, register):
                yield _message(self._target, place.servicepoint_ref, register.meter_ref(place), run, source_time)
        except (ValueError, ValidationError) as error:
            self._refuse(block.readings[0].line, reason_of(error))

    def _place(self, register: _Register, place: Place) -> Iterator[UtilityEvent]:
        """The contract, the point and the meter that a usage point stands for, before its first readings."""
        key = (register.point, register.number)
        if key in self._placed:
            return
        service = service_type(self._feed.usage_points[register.point])
        begin = moment(self._starts[register.point])
        if not place.described and register.point not in {point for point, _ in self._placed}:
            yield from _described(self._target, place, service, begin)
        if not place.metered or register.number > 1:
            yield _meter(self._target, place, register.meter_ref(place), service, begin)
        self._placed.add(key)

    def _bill(self, entry: SummaryEntry) -> Iterator[UtilityEvent]:
        points = self._feed.points_of_summary(entry.links)
        places = [self._places[point] for point in points if point in self._places]
        if (points and not places) or not (places or self._target.account_number):
            self._refuse(entry.element.sourceline, "usage summary of no account that is known: give --account")
            return
        kinds = {self._feed.usage_points[point] for point in points} or {0}
        try:
            yield bill(entry, self._target, places if len(kinds) == 1 else [], min(kinds))
        except NoBill:
            self._summary.skipped["usage summary without a billed period"] += 1
        except (ValueError, ValidationError) as error:
            self._refuse(entry.element.sourceline, f"usage summary: {reason_of(error)}")


def _runs(readings: list[IntervalReading], register: _Register) -> Iterator[Run]:
    for wanted in (register.usage, register.cost):
        if wanted is None:
            continue
        run: Run | None = None
        for reading in sorted(readings, key=lambda r: r.start):
            value = reading.value if wanted is register.usage else reading.cost
            if value is None:
                continue
            kind = quality(reading.quality if reading.quality is not None else register.reading_type.quality)
            follows = (
                run is not None
                and (run.duration, run.quality) == (reading.duration, kind)
                and run.start + run.duration * len(run.values) == reading.start
                and len(run.values) < BLOCK_VALUES
            )
            if run is not None and not follows:
                yield run
                run = None
            if run is None:
                run = Run(wanted, reading.start, reading.duration, kind, [])
            run.values.append(value * wanted.factor)
        if run is not None:
            yield run


def _message(target: Target, servicepoint_ref: str, meter_ref: str, run: Run, source_time: datetime) -> ReadingsRecordedV1:
    content = sha256(repr(run).encode()).hexdigest()
    return ReadingsRecordedV1(
        **common(target, source_time, servicepoint_ref, meter_ref, content),
        servicepoint_ref=servicepoint_ref,
        meter_ref=meter_ref,
        shape=run.column.shape,
        quality=run.quality,
        start=moment(run.start),
        interval_seconds=run.duration,
        decimals=run.column.decimals,
        values=list[int | None](run.values),
    )


def _described(target: Target, place: Place, service: ServicePointType, begin: datetime) -> Iterator[UtilityEvent]:
    ref = place.servicepoint_ref.removeprefix("SP-")
    yield ContractRecordedV1(
        **common(target, known_since(begin), "contract", ref),
        contract_ref=place.contract_ref,
        account_ref=place.account_ref,
        contract_number=f"{place.account_number}-{ref[-6:]}",
        contract_types=["utility_service"],
        contract_start=begin.astimezone(target.zone).date(),
        service_types=[service, "metered"],  # type: ignore[list-item]  # the three names are in both enumerations
        rateplan_code="STANDARD",
        rateplan_name="Standard",
    )
    yield ServicePointRecordedV1(
        **common(target, known_since(begin), "servicepoint", ref),
        servicepoint_ref=place.servicepoint_ref,
        servicepoint_number=ref,
        servicepoint_types=[service, "single_service", "physical"],
        current_contract_refs=[place.contract_ref],
    )


def _meter(target: Target, place: Place, meter_ref: str, service: ServicePointType, begin: datetime) -> MeterRecordedV1:
    return MeterRecordedV1(
        **common(target, known_since(begin), "meter", meter_ref),
        meter_ref=meter_ref,
        meter_number=meter_ref.removeprefix("MT-"),
        meter_types=[METERED[service], "physical_meter"],
        placements=[MeterPlacement(servicepoint_ref=place.servicepoint_ref, start=begin)],
    )
