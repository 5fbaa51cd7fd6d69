"""Usage Segments as CSV (RFC 4180): one line per value, with its digits."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from cds_usage.application.list_segments import DrawnSegment
from cds_usage.domain.calendar import moment_of
from cds_usage.domain.day_block import QUALITIES
from cds_usage.domain.supply_mix import SUPPLY_MIX

HEADER = (
    "usage_segment_id", "format_id", "value_type", "units", "currency", "direction", "tou", "tier", "season", "register", "start",
    "interval_seconds", "value", "quality",
)  # fmt: skip
_LINES = 2000


def header() -> bytes:
    """The first line."""
    return _written([HEADER])


def lines(segment: DrawnSegment) -> Iterator[bytes]:
    """The lines of a segment, some thousand at a time. Missing values have none, supply mixes are not in the table."""
    row, held = segment.row, list[tuple[Any, ...]]()
    for column in segment.columns:
        if column.kind.value_type == SUPPLY_MIX:
            continue
        shape = column.kind.as_dict()
        names = ("units", "currency", "direction", "tou", "tier", "season", "register_name")
        told = tuple("" if shape.get(name) == "none" else shape.get(name, "") for name in names)
        for reading in segment.readings(column):
            start = moment_of(reading.start).strftime("%Y-%m-%dT%H:%M:%SZ")
            head = (row.shown_id, column.format_id, column.kind.value_type, *told)
            held.append((*head, start, row.interval_seconds, reading.text, QUALITIES[reading.quality] or ""))
            if len(held) == _LINES:
                yield _written(held)
                held.clear()
    if held:
        yield _written(held)


def _written(rows: list[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
