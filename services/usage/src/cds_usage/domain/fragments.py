"""Value Sets as JSON bytes: a day's column is written once when it is stored and sent almost as it lies (CDS-WG3-01 §10.8.3).

A fragment is the rows of one column without the outer brackets: `[{"eu":0.120}],[null],[{"eu":0.131}]`. Numbers keep the
digits of the source; a missing value is null.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cds_usage.domain.day_block import DayBlock

VALUE_KEYS = {
    "electric_usage": "eu",
    "electric_demand": "ed",
    "electric_supply_mix": "sm",
    "water_usage": "wu",
    "natural_gas_usage": "gu",
    "fuel_oil_usage": "fu",
    "cost": "c",
    "meter_readings": "r",
}
"""The one field of a Value Object by its value type (CDS-WG3-01 §10.8.5)."""

NULL_ROW = b"[null]"


def decimal_text(value: int, decimals: int) -> str:
    """Write `value / 10 ** decimals` with exactly `decimals` digits after the point, never with an exponent."""
    if decimals == 0:
        return str(value)
    digits = str(abs(value)).rjust(decimals + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"


def column_cells(block: DayBlock, value_type: str, qualities: Collection[int] | None = None) -> list[str]:
    """The Value Objects of a block as JSON; with `qualities`, only values of those qualities and null for the others."""
    mark = '"' if value_type == "meter_readings" else ""
    opening, closing = f'{{"{VALUE_KEYS[value_type]}":{mark}', f"{mark}}}"
    if qualities is not None and not set(block.qualities) <= set(qualities):
        return [
            "null" if value is None or own not in qualities else f"{opening}{decimal_text(value, digits)}{closing}"
            for value, digits, own in zip(block.values, block.decimals, block.qualities, strict=True)
        ]
    if len(set(block.decimals)) == 1:
        return list(map(_cells_of(opening, block.decimals[0], closing).__getitem__, block.values))
    return [
        "null" if value is None else f"{opening}{decimal_text(value, digits)}{closing}"
        for value, digits in zip(block.values, block.decimals, strict=True)
    ]


class _WrittenCells(dict[int | None, str]):
    """The cells of values that share their number of digits: the same few thousand values come again and again."""

    def __init__(self, opening: str, decimals: int, closing: str) -> None:
        super().__init__({None: "null"})
        self._opening, self._decimals, self._closing = opening, decimals, closing

    def __missing__(self, value: int) -> str:
        cell = f"{self._opening}{decimal_text(value, self._decimals)}{self._closing}"
        if len(self) < _CELLS_KEPT:
            self[value] = cell
        return cell


_CELLS_KEPT = 20_000
_cells_of = lru_cache(maxsize=32)(_WrittenCells)


def fragment(cells: Iterable[str]) -> bytes:
    """Write one column of cells as rows."""
    return f"[{'],['.join(cells)}]".encode()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stored fragment of `count` rows, the first of them at `first`."""

    first: int
    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a Usage Segment: `start` inclusive, `end` exclusive, in seconds."""

    start: int
    end: int
    interval_seconds: int

    @property
    def rows(self) -> int:
        """How many Value Sets the segment has."""
        return (self.end - self.start) // self.interval_seconds


def lay_column(grid: Grid, pieces: Sequence[Piece]) -> list[Piece]:
    """Cut and fill `pieces` (ordered, on the grid, disjoint) so that they cover the grid exactly; gaps become null rows."""
    step, laid, position = grid.interval_seconds, list[Piece](), grid.start
    for piece in pieces:
        trimmed = _trim(grid, piece)
        if trimmed is None:
            continue
        if trimmed.first > position:
            laid.append(_nulls(position, (trimmed.first - position) // step))
        laid.append(trimmed)
        position = trimmed.first + trimmed.count * step
    if position < grid.end:
        laid.append(_nulls(position, (grid.end - position) // step))
    return laid


def value_rows(grid: Grid, columns: Sequence[Sequence[Piece]]) -> list[bytes]:
    """The content of `values` between its brackets, as chunks to be joined by commas: one chunk per piece of a single column."""
    if not columns:
        return []
    laid = [lay_column(grid, column) for column in columns]
    if len(laid) == 1:
        return [piece.rows for piece in laid[0]]
    cells = [[cell for piece in column for cell in _cells(piece)] for column in laid]
    return [b"[" + b"],[".join(map(b",".join, zip(*cells, strict=True))) + b"]"]


def _trim(grid: Grid, piece: Piece) -> Piece | None:
    step = grid.interval_seconds
    drop = max(0, -(-(grid.start - piece.first) // step))
    keep = min(piece.count, (grid.end - piece.first) // step)
    if keep <= drop:
        return None
    if drop == 0 and keep == piece.count:
        return piece
    rows = b"[" + b"],[".join(_cells(piece)[drop:keep]) + b"]"
    return Piece(piece.first + drop * step, keep - drop, rows)


def _cells(piece: Piece) -> list[bytes]:
    # No cell holds "],[": texts in cells are numbers only.
    return piece.rows[1:-1].split(b"],[")


def _nulls(first: int, count: int) -> Piece:
    return Piece(first, count, b",".join([NULL_ROW] * count))


class Reading(NamedTuple):
    """One value: `value / 10 ** decimals`, from `start` (seconds) on; `quality` is the code of `QUALITIES`."""

    start: int
    value: int
    decimals: int
    quality: int

    @property
    def text(self) -> str:
        """The value with its digits."""
        return decimal_text(self.value, self.decimals)


def fragment_readings(rows: bytes, first: int, interval_seconds: int, quality: int) -> Iterator[Reading]:
    """The values of a stored fragment, whose row 0 starts at `first`; null rows are left out."""
    for index, cell in enumerate(rows[1:-1].split(b"],[")):
        if cell != b"null":
            text = cell[cell.index(b":") + 1 : -1].strip(b'"')
            whole, _, fraction = text.partition(b".")
            yield Reading(first + index * interval_seconds, int(whole + fraction), len(fraction), quality)
