"""Usage in Green Button (ESPI, NAESB REQ.21): what describes it first, then the interval blocks, in memory of a few thousand readings.

A feed is read twice: first for usage points, meter readings and reading types (some hundred bytes each are kept), then for the
interval blocks and summaries, which are never held together.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cds_cli.loading.feed import (
    Element,
    Links,
    MalformedFeed,
    child_of,
    contents,
    entries,
    links_of,
    name_of,
    number,
    period_of,
    updated_of,
)  # fmt: skip
from cds_cli.loading.summary import Summary

LARGE = 5000
"""Readings of one entry that are handed on together; a larger entry comes in several blocks."""
NEVER = 1 << 62
_READING = frozenset({"IntervalReading"})
SUMMARIES = frozenset({"UsageSummary", "ElectricPowerUsageSummary"})
CUSTOMER_KINDS = frozenset({"Customer", "CustomerAccount", "CustomerAgreement", "ServiceLocation", "ServiceSupplier", "Meter", "EndDevice"})
"""Resources of the retail customer schema; `account_feeds` reads them."""


@dataclass(frozen=True, slots=True)
class ReadingType:
    """How values of a Meter Reading are meant; codes as in ESPI."""

    uom: int
    power_of_ten: int = 0
    commodity: int | None = None
    flow_direction: int = 0
    accumulation: int | None = None
    kind: int | None = None
    currency: int | None = None
    interval_length: int | None = None
    quality: int | None = None
    tier: int | None = None
    qualifier: int | None = None


@dataclass(slots=True)
class Feed:
    """The describing part of a feed, by self link."""

    usage_points: dict[str, int] = field(default_factory=dict[str, int])
    """self link -> ServiceCategory kind (0 electricity, 1 gas, 2 water)."""
    meter_readings: dict[str, str] = field(default_factory=dict[str, str])
    """self link -> self link of its reading type."""
    reading_types: dict[str, ReadingType] = field(default_factory=dict[str, ReadingType])
    owners: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """What a usage point or meter reading calls related -> those that call it so."""
    ups: dict[str, str] = field(default_factory=dict[str, str])
    """self link of a meter reading -> its collection, where that is not the one in its own address."""
    large: dict[int, tuple[Links, datetime | None]] = field(default_factory=dict[int, tuple[Links, datetime | None]])
    """Links and time of entries that are handed on in several blocks, by their number in the file."""

    starts: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """First start of the readings below an address and a collection."""

    def begun(self, links: Links, starts: list[int]) -> None:
        """Remember when the readings of an entry begin."""
        if starts:
            key = (links.own.split("/IntervalBlock", maxsplit=1)[0], links.up)
            self.starts[key] = min(*starts, self.starts.get(key, NEVER))

    def first_starts(self) -> dict[str, int]:
        """When the readings of each usage point begin, in seconds since 1970 UTC; points without readings are left out."""
        found = dict[str, int]()
        for (own, up), start in self.starts.items():
            meter_reading = self.meter_reading_of(Links(own, up, ()))
            point = self.point_of(meter_reading) if meter_reading is not None else None
            if point is not None and start != NEVER:
                found[point] = min(start, found.get(point, NEVER))
        return found

    def meter_reading_of(self, links: Links) -> str | None:
        """The meter reading that an interval block belongs to."""
        return _owner(links, "IntervalBlock", self.meter_readings, self.owners)

    def point_of(self, meter_reading: str) -> str | None:
        """The usage point that a meter reading belongs to."""
        return _owner(Links(meter_reading, self.ups.get(meter_reading, ""), ()), "MeterReading", self.usage_points, self.owners)

    def points_of_summary(self, links: Links) -> list[str]:
        """The usage points that a summary is about: by its address, else all that call it or its collection related."""
        point = (links.up or links.own).split("/UsagePoint/")
        nested = f"{point[0]}/UsagePoint/{point[1].split('/')[0]}" if len(point) > 1 else ""
        if nested in self.usage_points:
            return [nested]
        return sorted(one for link in (links.own, links.up) for one in self.owners.get(link, ()) if one in self.usage_points)


def _owner(links: Links, collection: str, known: Container[str], owners: Mapping[str, set[str]]) -> str | None:
    nested = (links.own.split(f"/{collection}", maxsplit=1)[0], links.up.removesuffix(f"/{collection}"))
    calling = (one for link in (links.own, links.up) for one in sorted(owners.get(link, ())))
    return next((one for one in (*nested, *calling) if one in known), None)


@dataclass(frozen=True, slots=True)
class IntervalReading:
    """One value; `start` in seconds since 1970 UTC, `duration` in seconds, cost in 1/100,000 of the currency."""

    start: int
    duration: int
    value: int
    cost: int | None
    quality: int | None
    line: int


@dataclass(frozen=True, slots=True)
class IntervalBlock:
    """Readings of one entry, in the order of the file."""

    links: Links
    updated: datetime | None
    readings: list[IntervalReading]


@dataclass(frozen=True, slots=True)
class SummaryEntry:
    """A usage summary as it stands in the file; `element` is only valid until the next one is asked for."""

    links: Links
    updated: datetime | None
    element: Element


def _reading_type(element: Element) -> ReadingType:
    uom = number(element, "uom")
    if uom is None:
        raise ValueError("a ReadingType without uom")
    return ReadingType(
        uom=uom,
        power_of_ten=number(element, "powerOfTenMultiplier") or 0,
        commodity=number(element, "commodity"),
        flow_direction=number(element, "flowDirection") or 0,
        accumulation=number(element, "accumulationBehaviour"),
        kind=number(element, "kind"),
        currency=number(element, "currency"),
        interval_length=number(element, "intervalLength"),
        quality=number(element, "defaultQuality") or number(element, "qualityOfReading"),
        tier=number(element, "consumptionTier"),
        qualifier=number(element, "dataQualifier"),
    )


def read_description(path: Path, summary: Summary) -> Feed:
    """First pass: everything but the interval blocks. Unusable entries are refused one by one.

    Raises:
        MalformedFeed: the file is no Green Button feed at all.
    """
    feed, starts, index = Feed(), list[int](), 0
    try:
        for element in entries(path, _READING):
            if name_of(element) == "IntervalReading":
                starts.append(_start_of(element))
                continue
            links = links_of(element)
            if len(starts) >= LARGE:
                feed.large[index] = (links, updated_of(element))
            feed.begun(links, starts)
            starts, index = [], index + 1
            for content in contents(element):
                try:
                    _describe(feed, content, links, summary)
                except ValueError as error:
                    summary.refuse(path.name, content.sourceline, str(error))
    except MalformedFeed:
        if not index:
            raise
    return feed


def _start_of(reading: Element) -> int:
    """Start of a reading for the beginning of its meter reading; a bad one counts as never, the second pass refuses it."""
    try:
        period = period_of(reading, "timePeriod")
    except ValueError:
        return NEVER
    return NEVER if period is None else period[0]


def _describe(feed: Feed, content: Element, links: Links, summary: Summary) -> None:
    kind = name_of(content)
    if kind == "UsagePoint":
        category = child_of(content, "ServiceCategory")
        feed.usage_points[links.own] = (number(category, "kind") or 0) if category is not None else 0
        _remember(feed, links)
    elif kind == "MeterReading":
        feed.meter_readings[links.own] = next((link for link in links.related if "ReadingType" in link), "")
        if links.up and links.up != links.own.rpartition("/")[0]:
            feed.ups[links.own] = links.up
        _remember(feed, Links(links.own, links.up, tuple(link for link in links.related if "ReadingType" not in link)))
    elif kind == "ReadingType":
        feed.reading_types[links.own] = _reading_type(content)
    elif kind != "IntervalBlock" and kind not in SUMMARIES | CUSTOMER_KINDS:
        summary.skipped[kind] += 1


def _remember(feed: Feed, links: Links) -> None:
    """Who calls what related, where the address of the other does not say it by itself."""
    for link in links.related:
        if not link.startswith(f"{links.own}/"):
            feed.owners.setdefault(link, set()).add(links.own)


def _reading(element: Element) -> IntervalReading:
    period, value = period_of(element, "timePeriod"), number(element, "value")
    if period is None:
        raise ValueError("an IntervalReading without timePeriod")
    if value is None:
        raise ValueError("an IntervalReading without value")
    quality = child_of(element, "ReadingQuality")
    return IntervalReading(
        start=period[0],
        duration=period[1],
        value=value,
        cost=number(element, "cost"),
        quality=number(quality, "quality") if quality is not None else None,
        line=element.sourceline or 0,
    )


def read_blocks(path: Path, feed: Feed, summary: Summary) -> Iterator[IntervalBlock | SummaryEntry]:
    """Second pass: interval blocks and usage summaries. A bad reading is refused alone; broken XML ends the file with what was whole."""
    readings, index = list[IntervalReading](), 0
    try:
        for element in entries(path, _READING):
            if name_of(element) == "IntervalReading":
                try:
                    readings.append(_reading(element))
                except ValueError as error:
                    summary.refuse(path.name, element.sourceline, str(error))
                if len(readings) >= LARGE:
                    if index in feed.large:
                        yield IntervalBlock(*feed.large[index], readings)
                    readings = []
                continue
            links, updated = links_of(element), updated_of(element)
            if readings:
                yield IntervalBlock(links, updated, readings)
            readings, index = [], index + 1
            for content in contents(element):
                if name_of(content) in SUMMARIES:
                    yield SummaryEntry(links, updated, content)
    except MalformedFeed as error:
        summary.refuse(path.name, error.line, f"the rest of the file is unreadable: {error}")
