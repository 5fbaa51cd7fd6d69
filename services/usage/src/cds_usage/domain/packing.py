"""The stored bytes of a day block: little-endian integers of 4 bytes where they fit, else of 8."""

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from cds_usage.domain.day_block import DayBlock

_NONE_4, _NONE_8 = -(2**31), -(2**63)
MIXED = -1
"""Stands in `decimals` and `quality` of a packed block where the slots differ."""
NO_VALUES = -2
"""Stands in `quality` of a packed block without any value: it belongs to no column."""


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A `DayBlock` as its row holds it; the `*_each` columns are None where all slots that have a value agree."""

    first: int
    count: int
    values: bytes
    decimals: int
    decimals_each: bytes | None
    quality: int
    qualities_each: bytes | None
    source_min: int
    source_max: int
    sources_each: bytes | None


def pack(block: DayBlock) -> PackedBlock:
    """Write `block` compactly. What stands beside a missing value is zero, so that equal values are equal bytes."""
    known: Sequence[int] = range(len(block.values))
    if None in block.values:
        known = [i for i, value in enumerate(block.values) if value is not None]
    decimals, decimals_each = _uniform(block.decimals, known)
    quality, qualities_each = _uniform(block.qualities, known)
    sources = _only(block.sources, known) or [max(block.sources, default=0)]
    low, high = min(sources), max(sources)
    return PackedBlock(
        first=block.first,
        count=len(block.values),
        values=pack_values(block.values),
        decimals=decimals,
        decimals_each=decimals_each,
        quality=quality if known else NO_VALUES,
        qualities_each=qualities_each,
        source_min=low,
        source_max=high,
        sources_each=None if low == high else _bytes(array("q", _of_known(block.sources, known))),
    )


def unpack(row: PackedBlock, interval_seconds: int) -> DayBlock:
    """The reverse of `pack`."""
    sources = [row.source_max] * row.count if row.sources_each is None else list(_array("q", row.sources_each))
    return DayBlock(
        interval_seconds,
        row.first,
        unpack_values(row.values, row.count),
        [row.decimals] * row.count if row.decimals_each is None else list(row.decimals_each),
        [max(row.quality, 0)] * row.count if row.qualities_each is None else list(row.qualities_each),
        sources,
    )


def pack_values(values: Sequence[int | None]) -> bytes:
    """Write values, None as the smallest integer of the chosen width."""
    if _NONE_4 in values:
        return _wide(values)
    try:
        return _bytes(array("i", _filled(values, _NONE_4)))
    except OverflowError:
        return _wide(values)


def unpack_values(data: bytes, count: int) -> list[int | None]:
    """The reverse of `pack_values`."""
    wide = len(data) == 8 * count
    none = _NONE_8 if wide else _NONE_4
    return [None if value == none else value for value in _array("q" if wide else "i", data)]


def _wide(values: Sequence[int | None]) -> bytes:
    return _bytes(array("q", _filled(values, _NONE_8)))


def _filled(values: Sequence[int | None], none: int) -> Sequence[int]:
    return [none if value is None else value for value in values]


def _uniform(column: list[int], known: Sequence[int]) -> tuple[int, bytes | None]:
    seen = set(_only(column, known))
    if len(seen) <= 1:
        return (seen.pop() if seen else 0), None
    return MIXED, bytes(_of_known(column, known))


def _only(column: list[int], known: Sequence[int]) -> list[int]:
    return column if len(known) == len(column) else [column[i] for i in known]


def _of_known(column: list[int], known: Sequence[int]) -> list[int]:
    if len(known) == len(column):
        return column
    kept = [0] * len(column)
    for slot in known:
        kept[slot] = column[slot]
    return kept


def _bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _array(code: str, data: bytes) -> "array[int]":
    numbers = array(code, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
