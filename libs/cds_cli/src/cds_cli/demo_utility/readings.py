"""Meter readings of the demo utility: one block a month, with the gaps, corrections and late data of real life."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from cds_cli.demo_utility.calendar import days, midnight, months, next_month, quarters
from cds_cli.demo_utility.cast import Household, Service, services
from cds_cli.demo_utility.load_shapes import export_watt_hours, month_quantity, quarter_watt_hours
from cds_cli.demo_utility.stable import fact_id
from cds_common.events.utility import ReadingsRecordedV1, SeriesShape
from cds_common.events.vocabulary import ReadingQuality

FORWARD = SeriesShape(value_type="electric_usage", units="kWh", direction="forward")
REVERSE = SeriesShape(value_type="electric_usage", units="kWh", direction="reverse")
GAS = SeriesShape(value_type="natural_gas_usage", units="therm")
WATER = SeriesShape(value_type="water_usage", units="m3")

OUTAGE = {"330-010": (date(2026, 2, 5), date(2026, 2, 7))}
"""Days on which a meter did not report: nulls, never zeros."""

ESTIMATED_THEN_CORRECTED = {"220-471": date(2025, 10, 14)}
"""A day that was first estimated flat and corrected three weeks later."""


@dataclass(frozen=True, slots=True)
class Block:
    """Values of one series from `start` on."""

    shape: SeriesShape
    start: datetime
    interval_seconds: int
    decimals: int
    values: list[int | None]
    source_time: datetime
    quality: ReadingQuality = "valid"


def meter_on(service: Service, day: date) -> str | None:
    """Ref of the meter that was placed at the service's point on a day."""
    placed = [
        meter
        for _, other in services()
        if other.point_ref == service.point_ref
        for meter in other.meters
        if meter.placed <= day and (meter.removed is None or day < meter.removed)
    ]
    return f"MT-{placed[-1].number}" if placed else None


def _quarter_hours(service: Service, start: date, end: date) -> Iterator[Block]:
    outage = OUTAGE.get(service.contract_number)
    forward: list[int | None] = []
    reverse: list[int | None] = []
    for day in days(start, end):
        count = quarters(day)
        silent = outage is not None and outage[0] <= day < outage[1]
        forward += [None] * count if silent else quarter_watt_hours(service, day, count)
        if service.profile == "solar_home":
            reverse += export_watt_hours(service, day, count)
    read_out = midnight(end) + timedelta(hours=4)
    yield Block(FORWARD, midnight(start), 900, 3, forward, read_out)
    if reverse:
        yield Block(REVERSE, midnight(start), 900, 3, reverse, read_out)


def _estimate(service: Service, start: date, end: date) -> Iterator[Block]:
    """The correction of an estimated day arrives after the month's block: the newer source time wins."""
    day = ESTIMATED_THEN_CORRECTED.get(service.contract_number)
    if day is not None and start <= day < end:
        values: list[int | None] = list(quarter_watt_hours(service, day, quarters(day)))
        yield Block(FORWARD, midnight(day), 900, 3, [410] * len(values), midnight(end) + timedelta(hours=5), "estimated")
        yield Block(FORWARD, midnight(day), 900, 3, values, midnight(end) + timedelta(days=21), "corrected")


def blocks(service: Service, until: date) -> Iterator[Block]:
    """All blocks of a service up to the day `until` (exclusive)."""
    end = min(until, service.end) if service.end else until
    if service.commodity == "electric":
        for start, stop in _month_pieces(service, end):
            yield from _quarter_hours(service, start, stop)
            yield from _estimate(service, start, stop)
        return
    for start, stop in months(service.start, end):
        if stop == next_month(start) and start.day == 1:
            shape, decimals = (GAS, 2) if service.commodity == "natural_gas" else (WATER, 1)
            length = int((midnight(stop) - midnight(start)).total_seconds())
            yield Block(shape, midnight(start), length, decimals, [month_quantity(service, start)], midnight(stop) + timedelta(days=2))


def _month_pieces(service: Service, end: date) -> Iterator[tuple[date, date]]:
    """Months, cut where a meter was swapped: a block belongs to one meter."""
    swaps = sorted({meter.removed for meter in service.meters if meter.removed is not None})
    edges = [service.start, *[swap for swap in swaps if service.start < swap < end], end]
    for start, stop in pairwise(edges):
        yield from months(start, stop)


def readings_of(household: Household, service: Service, until: date) -> Iterator[ReadingsRecordedV1]:
    """The service's blocks as the messages that a meter data system would send."""
    for block in blocks(service, until):
        day = block.start + timedelta(hours=12)
        yield ReadingsRecordedV1(
            event_id=fact_id(
                household.environment, service.point_ref, block.shape.model_dump_json(), block.start, block.source_time, len(block.values)
            ),
            occurred_at=block.source_time,
            source_time=block.source_time,
            environment=household.environment,
            servicepoint_ref=service.point_ref,
            meter_ref=meter_on(service, day.date()),
            shape=block.shape,
            quality=block.quality,
            start=block.start,
            interval_seconds=block.interval_seconds,
            decimals=block.decimals,
            values=block.values,
        )
