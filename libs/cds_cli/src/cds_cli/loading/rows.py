"""Readings of a table (docs/loading.md), row by row: what a row says, and rows that follow each other as one block."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import sha256

from pydantic import ValidationError

from cds_cli.demo_utility.stable import fact_id
from cds_cli.loading.summary import Summary, reason_of
from cds_common.events.utility import ReadingsRecordedV1, SeriesShape
from cds_common.ids import Environment

COLUMNS = (
    "servicepoint_ref",
    "meter_ref",
    "value_type",
    "units",
    "direction",
    "start",
    "interval_seconds",
    "value",
    "quality",
    "source_time",
)
REQUIRED = frozenset(COLUMNS) - {"meter_ref", "direction", "quality"}
BLOCK_VALUES = 3000


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a file; `digits` is how many it has after the point."""

    servicepoint_ref: str
    meter_ref: str | None
    shape: SeriesShape
    quality: str | None
    start: datetime
    interval_seconds: int
    value: int
    digits: int
    source_time: datetime

    def follows(self, first: "Row", count: int) -> bool:
        """Whether this row continues a block that began with `first` and has `count` values."""
        same = (
            (self.servicepoint_ref, self.meter_ref, self.shape, self.quality, self.interval_seconds, self.source_time)
            == (first.servicepoint_ref, first.meter_ref, first.shape, first.quality, first.interval_seconds, first.source_time)
        )  # fmt: skip
        return same and count < BLOCK_VALUES and self.start == first.start + timedelta(seconds=first.interval_seconds * count)


def _moment(cell: object, column: str) -> datetime:
    text = _text(cell)
    moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{column} needs an offset or Z: {text!r}")
    return moment.astimezone(UTC)


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


def row_of(record: Mapping[str, object]) -> Row:
    """Read one row; cells are texts, or of the type that their column means.

    Raises:
        ValueError: a cell is missing or cannot be read (pydantic.ValidationError is one).
    """
    cell = {name: _text(record.get(name)) for name in COLUMNS}
    missing = sorted(name for name in REQUIRED if not cell[name])
    if missing:
        raise ValueError(f"empty: {', '.join(missing)}")
    digits, value = _exact(cell["value"])
    shape = _shape(cell["value_type"], cell["units"], cell["direction"])
    seconds = cell["interval_seconds"]
    if not seconds.isdecimal():
        raise ValueError(f"interval_seconds is no positive whole number: {seconds[:40]!r}")
    return Row(
        cell["servicepoint_ref"],
        cell["meter_ref"] or None,
        shape,
        cell["quality"] or None,
        _moment(record["start"], "start"),
        int(seconds),
        value,
        digits,
        _moment(record["source_time"], "source_time"),
    )


def _exact(text: str) -> tuple[int, int]:
    """Digits after the point, and the value without its point.

    Raises:
        ValueError: not a finite number, or with more digits than are kept.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"value is not a number: {text[:40]!r}") from None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"value is not a finite number: {text!r}")  # noqa: TRY004  a bad value, not a bad type
    if not -12 <= exponent <= 18 or len(value.as_tuple().digits) > 18:
        raise ValueError(f"value has more than 18 digits, or 12 after the point: {text[:40]!r}")
    digits = max(0, -exponent)
    return digits, int(value.scaleb(digits))


@lru_cache(maxsize=256)
def _shape(value_type: str, units: str, direction: str) -> SeriesShape:
    return SeriesShape.model_validate({"value_type": value_type, "units": units, "direction": direction or None})


def blocks(
    source: str, records: Iterable[tuple[int, Mapping[str, object]]], environment: Environment, summary: Summary
) -> Iterator[ReadingsRecordedV1]:
    """Values of `records` (line, row) as blocks; refusals go to `summary` with their line."""
    block: list[Row] = []
    first_line = 0
    for line, record in records:
        try:
            row = row_of(record)
        except ValueError as error:
            summary.refuse(source, line, reason_of(error))
            continue
        if block and not row.follows(block[0], len(block)):
            yield from _message(source, first_line, block, environment, summary)
            block = []
        if not block:
            first_line = line
        block.append(row)
    if block:
        yield from _message(source, first_line, block, environment, summary)


def _message(source: str, line: int, block: list[Row], environment: Environment, summary: Summary) -> Iterator[ReadingsRecordedV1]:
    first = block[0]
    digits = [row.digits for row in block]
    content = sha256(repr(block).encode()).hexdigest()
    try:
        yield ReadingsRecordedV1.model_validate(
            {
                "event_id": fact_id("csv", environment, content),
                "source_time": first.source_time,
                "environment": environment,
                "servicepoint_ref": first.servicepoint_ref,
                "meter_ref": first.meter_ref,
                "shape": first.shape,
                "quality": first.quality,
                "start": first.start,
                "interval_seconds": first.interval_seconds,
                "decimals": digits[0] if len(set(digits)) == 1 else digits,
                "values": [row.value for row in block],
            }
        )
    except ValidationError as error:
        summary.refuse(source, line, reason_of(error))
