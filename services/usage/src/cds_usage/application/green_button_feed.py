"""Usage Segments as a Green Button feed, entry by entry (NAESB REQ.21): what describes a series comes before its first block."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_common import espi
from cds_usage.application.list_segments import DrawnSegment
from cds_usage.domain.fragments import Reading
from cds_usage.domain.green_button import (
    MeasuredAs,
    interval_block,
    reading_type,
    reading_type_title,
    title_of,
    usage_point,
)
from cds_usage.domain.series import SeriesKind
from cds_usage.domain.value_formats import USAGE_TYPES, Column


@dataclass(frozen=True, slots=True)
class _Series:
    """The values of one kind of a segment, with how they are written and what they cost."""

    kind: SeriesKind
    measured: MeasuredAs
    readings: list[Reading]
    costs: dict[int, int]
    currency: str | None


class GreenButtonFeed:
    """The entries of one subscription. An entry that describes is given once, however many segments it describes.

    `wanted` says by its path whether an entry is needed, so that no block is written in vain.
    """

    def __init__(self, subscription: str, *, summaries: str, wanted: Callable[[str], bool] = lambda _path: True) -> None:
        self._base, self._summaries, self._wanted = subscription, summaries, wanted
        self._seen = set[str]()

    def entries(self, segment: DrawnSegment) -> Iterator[espi.Entry]:
        """The entries of a segment that were not given yet."""
        row = segment.row
        for series in _series_of(segment):
            point = f"{self._base}/UsagePoint/{espi.derived_id('point', row.owner_id, series.measured.service)}"
            kind = (series.kind.key, series.measured.power)
            meter_reading = (
                f"{point}/MeterReading/{espi.derived_id('series', row.owner_id, row.meter_device_id, row.interval_seconds, *kind)}"
            )
            type_path = _type_path(series, row.interval_seconds)
            yield from self._once(self._point(point, row, series.measured.service))
            yield from self._once(
                espi.Entry(
                    meter_reading, reading_type_title(series.kind), espi.content("MeterReading", espi.USAGE_NAMESPACE), row.created,
                    row.created, (f"{meter_reading}/IntervalBlock", type_path),
                )
            )  # fmt: skip
            content = reading_type(series.kind, series.measured, row.interval_seconds, series.currency)
            yield from self._once(espi.Entry(type_path, reading_type_title(series.kind), content, row.created, row.created))
            path = f"{meter_reading}/IntervalBlock/{espi.derived_id('block', row.shown_id, *kind)}"
            if self._wanted(path):
                yield _block(path, segment, series)

    def _point(self, path: str, row: Any, service: int) -> espi.Entry:
        related = (f"{path}/MeterReading", self._summaries)
        return espi.Entry(path, title_of(service), usage_point(service), row.created, row.created, related)

    def _once(self, entry: espi.Entry) -> Iterator[espi.Entry]:
        if entry.path not in self._seen and self._wanted(entry.path):
            self._seen.add(entry.path)
            yield entry


def _type_path(series: _Series, interval_seconds: int) -> str:
    parts = (series.kind.key, series.measured.power, interval_seconds, series.currency)
    return f"{espi.BASE}/ReadingType/{espi.derived_id('type', *parts)}"


def _block(path: str, segment: DrawnSegment, series: _Series) -> espi.Entry:
    row = segment.row
    bounds = (row.c_start, row.c_end)
    content = interval_block(bounds, row.interval_seconds, series.readings, series.measured, series.costs)
    return espi.Entry(path, "", content, row.created, segment.modified)


def _series_of(segment: DrawnSegment) -> Iterator[_Series]:
    """The series that Green Button has; costs stand with the first usage that they are the costs of."""
    columns: dict[int, list[Column]] = {}
    for column in segment.columns:
        if column.kind.value_type in USAGE_TYPES:
            columns.setdefault(column.kind_id, []).append(column)
    costs, currency = _costs(segment)
    for group in columns.values():
        readings = list(heapq.merge(*(segment.readings(column) for column in group)))
        decimals = max((reading.decimals for reading in readings), default=0)
        measured = MeasuredAs.of(group[0].kind, decimals)
        if measured is None:
            continue
        yield _Series(group[0].kind, measured, readings, costs, currency)
        costs, currency = {}, None


def _costs(segment: DrawnSegment) -> tuple[dict[int, int], str | None]:
    costed: Sequence[Column] = [column for column in segment.columns if column.kind.value_type == "cost"]
    known = [column for column in costed if column.kind.as_dict().get("currency") in espi.CURRENCIES]
    if not known:
        return {}, None
    kind = known[0].kind
    merged: Iterable[Reading] = heapq.merge(*(segment.readings(column) for column in known if column.kind == kind))
    return {one.start: espi.money(Decimal(one.text)) for one in merged}, kind.as_dict()["currency"]
