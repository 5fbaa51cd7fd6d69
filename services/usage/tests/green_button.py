"""A Green Button feed as its standard means it, read with the standard library alone: for feeds of others and for ours."""

import gzip
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

ESPI = "{http://naesb.org/espi}"
ATOM = "{http://www.w3.org/2005/Atom}"

ORDER = {
    "UsagePoint": ("roleFlags", "ServiceCategory", "status"),
    "ServiceCategory": ("kind",),
    "MeterReading": (),
    "ReadingType": (
        "accumulationBehaviour", "commodity", "consumptionTier", "currency", "dataQualifier", "defaultQuality", "flowDirection",
        "intervalLength", "kind", "phase", "powerOfTenMultiplier", "timeAttribute", "tou", "uom",
    ),
    "IntervalBlock": ("interval", "IntervalReading"),
    "IntervalReading": ("cost", "ReadingQuality", "timePeriod", "value"),
    "ReadingQuality": ("quality",),
    "interval": ("duration", "start"),
    "timePeriod": ("duration", "start"),
}  # fmt: skip
"""Children in the order of the public schema."""


def parse(data: bytes) -> ET.Element:
    return ET.fromstring(data)


def read_file(path: Path) -> ET.Element:
    return parse(gzip.decompress(path.read_bytes()))


def link(entry: ET.Element, rel: str) -> list[str]:
    return [found.get("href", "").strip().strip("/") for found in entry.iter(f"{ATOM}link") if found.get("rel") == rel]


def entries(feed: ET.Element, kind: str) -> list[ET.Element]:
    return [entry for entry in feed.iter(f"{ATOM}entry") if entry.find(f"{ATOM}content/{ESPI}{kind}") is not None]


def number(parent: ET.Element, path: str) -> int | None:
    text = parent.findtext("/".join(f"{ESPI}{part}" for part in path.split("/")))
    return None if text is None else int(text)


@dataclass(frozen=True)
class Value:
    """One reading in its unit without multiplier; reverse flow is positive, as in the standard."""

    start: int
    duration: int
    value: Decimal
    uom: int
    direction: int | None
    cost: int | None


def values(feed: ET.Element) -> Counter[Value]:
    """All readings of a feed. Of two for the same time of one series the later holds; zero durations say nothing."""
    types = {link(entry, "self")[0]: entry.find(f"{ATOM}content/{ESPI}ReadingType") for entry in entries(feed, "ReadingType")}
    found: dict[tuple[str, int, int], Value] = {}
    for entry in entries(feed, "MeterReading"):
        own = link(entry, "self")[0]
        kind = next(types[href] for href in link(entry, "related") if href in types)
        assert kind is not None
        scale = Decimal(10) ** (number(kind, "powerOfTenMultiplier") or 0)
        for block in entries(feed, "IntervalBlock"):
            if link(block, "self")[0].split("/IntervalBlock")[0] != own:
                continue
            for reading in block.iter(f"{ESPI}IntervalReading"):
                start, duration = number(reading, "timePeriod/start"), number(reading, "timePeriod/duration")
                value, cost = number(reading, "value"), number(reading, "cost")
                if start is None or not duration or value is None:
                    continue
                if number(kind, "currency") in (None, 0):
                    cost = None
                direction, uom = number(kind, "flowDirection"), number(kind, "uom") or 0
                found[own, start, duration] = Value(start, duration, (value * scale).normalize(), uom, direction, cost)
    return Counter(found.values())


def assert_structure(feed: ET.Element) -> None:
    """Names, order and links as the schema demands."""
    for element in feed.iter():
        name = element.tag.removeprefix(ESPI)
        if element.tag.startswith(ESPI) and name in ORDER:
            order = [ORDER[name].index(child.tag.removeprefix(ESPI)) for child in element]
            assert order == sorted(order), name
    own = [href for entry in feed.iter(f"{ATOM}entry") for href in link(entry, "self")]
    assert len(own) == len(set(own))
    for entry in feed.iter(f"{ATOM}entry"):
        assert [child.tag.removeprefix(ATOM) for child in entry if child.tag != f"{ATOM}link"] == [
            "id", "title", "content", "published", "updated",
        ]  # fmt: skip
        assert str(entry.findtext(f"{ATOM}id")).startswith("urn:uuid:")
        assert link(entry, "up") == [link(entry, "self")[0].rpartition("/")[0]]
    for entry in entries(feed, "MeterReading"):
        assert sum(href in own for href in link(entry, "related")) == 1, "a Meter Reading names its Reading Type"
