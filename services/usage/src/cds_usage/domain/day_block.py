"""The values of one series on one local day, merged reading by reading (CDS-WG3-01 §10.8; design §5).

A block keeps for every value its exact digits, its quality and the moment at which the source said it, so that late,
doubled, overlapping and corrected readings meet in any order with one outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

QUALITIES = (
    None, "raw", "manual", "valid", "revenue", "estimated", "calculated", "corrected", "website",
)  # fmt: skip
"""Qualities by their stored code; the order is part of the stored format."""

ESTIMATED = QUALITIES.index("estimated")

MAX_SLOTS = 90_001
"""Slots of one block: a 25-hour day of one-second values and one to spare."""


class BlockKey(NamedTuple):
    """`phase` is the offset of the grid: `start % interval_seconds`. Blocks of different grids never mix."""

    owner_id: UUID
    series_id: UUID
    day: date
    interval_seconds: int
    phase: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Readings of one message that fall into one block. `first` is the start of value 0, `source` in microseconds."""

    first: int
    values: Sequence[int | None]
    decimals: int | Sequence[int]
    quality: int
    source: int

    def decimals_at(self, index: int) -> int:
        """Digits after the point of value `index`."""
        return self.decimals if isinstance(self.decimals, int) else self.decimals[index]


@dataclass(slots=True)
class DayBlock:
    """Slot i starts at `first + i * interval_seconds`; value i is `values[i] / 10 ** decimals[i]`, None where none is known."""

    interval_seconds: int
    first: int
    values: list[int | None]
    decimals: list[int]
    qualities: list[int]
    sources: list[int]

    @property
    def end(self) -> int:
        """End of the last slot."""
        return self.first + self.interval_seconds * len(self.values)


@dataclass(frozen=True, slots=True)
class Superseded:
    """A value that is not, or no longer, the newest of its slot; kept for Grants that see an earlier moment."""

    start: int
    value: int | None
    decimals: int
    quality: int
    source: int


@dataclass(slots=True)
class Merged:
    """Outcome of a merge. `changed_from`/`changed_to` bound the slots whose visible data changed; None when nothing did."""

    block: DayBlock
    superseded: list[Superseded] = field(default_factory=list[Superseded])
    changed_from: int | None = None
    changed_to: int | None = None

    def touch(self, start: int, end: int) -> None:
        """Widen the changed span."""
        self.changed_from = start if self.changed_from is None else min(self.changed_from, start)
        self.changed_to = end if self.changed_to is None else max(self.changed_to, end)


def block_of(interval_seconds: int, piece: Slice) -> DayBlock:
    """The block that holds only `piece`."""
    count = len(piece.values)
    decimals = [piece.decimals] * count if isinstance(piece.decimals, int) else list(piece.decimals)
    return DayBlock(interval_seconds, piece.first, list(piece.values), decimals, [piece.quality] * count, [piece.source] * count)


def merge(block: DayBlock | None, interval_seconds: int, piece: Slice) -> Merged:
    """Lay `piece` over `block`, reading by reading: the newer source moment wins; on a tie an estimate gives way to all else, and
    of equals the later arrival wins.

    A newer estimate replaces a measured value: the source takes back what a faulty meter measured. A None in `piece` erases
    nothing; it only says that the slot exists.

    Raises:
        ValueError: the block would have more than `MAX_SLOTS` slots.
    """
    if block is None:
        merged = Merged(block_of(interval_seconds, piece))
        merged.touch(merged.block.first, merged.block.end)
        return merged
    merged = Merged(block)
    _extend(merged, piece)
    offset = (piece.first - block.first) // interval_seconds
    for index, value in enumerate(piece.values):
        if value is not None:
            _lay(merged, offset + index, Superseded(0, value, piece.decimals_at(index), piece.quality, piece.source))
        elif block.values[offset + index] is None:
            block.sources[offset + index] = max(block.sources[offset + index], piece.source)
    return merged


def rank(source: int, quality: int) -> tuple[int, bool]:
    """What decides between two values of a slot: the greater counts."""
    return source, quality != ESTIMATED


def replace(block: DayBlock | None, interval_seconds: int, piece: Slice) -> Merged:
    """Put `piece` in the place of the whole block, Nones included (sums that are computed anew)."""
    fresh = Merged(block_of(interval_seconds, piece))
    if block is None:
        fresh.touch(fresh.block.first, fresh.block.end)
        return fresh
    for index, value in enumerate(block.values):
        start = block.first + index * interval_seconds
        position = (start - piece.first) // interval_seconds
        inside = 0 <= position < len(piece.values)
        same = inside and value == piece.values[position] and (value is None or block.decimals[index] == piece.decimals_at(position))
        if same:
            fresh.block.sources[position] = block.sources[index]
            continue
        if value is not None:
            fresh.superseded.append(Superseded(start, value, block.decimals[index], block.qualities[index], block.sources[index]))
        fresh.touch(start, start + interval_seconds)
    if fresh.block.first < block.first:
        fresh.touch(fresh.block.first, block.first)
    if fresh.block.end > block.end:
        fresh.touch(block.end, fresh.block.end)
    return fresh


def _extend(merged: Merged, piece: Slice) -> None:
    block, step = merged.block, merged.block.interval_seconds
    before = max(0, (block.first - piece.first) // step)
    after = max(0, (piece.first + step * len(piece.values) - block.end) // step)
    if before + after + len(block.values) > MAX_SLOTS:
        raise ValueError("too many intervals in one day")
    if before:
        merged.touch(piece.first, block.first)
        block.first = piece.first
        _grow(block, before, at=0)
    if after:
        merged.touch(block.end, block.end + after * step)
        _grow(block, after, at=len(block.values))


def _grow(block: DayBlock, count: int, *, at: int) -> None:
    block.values[at:at] = [None] * count
    for column in (block.decimals, block.qualities, block.sources):
        column[at:at] = [0] * count


def _lay(merged: Merged, slot: int, new: Superseded) -> None:
    block = merged.block
    start = block.first + slot * block.interval_seconds
    old = block.values[slot]
    if old is not None and rank(new.source, new.quality) < rank(block.sources[slot], block.qualities[slot]):
        if new.source < block.sources[slot]:
            merged.superseded.append(Superseded(start, new.value, new.decimals, new.quality, new.source))
        return
    same = old == new.value and block.decimals[slot] == new.decimals and block.qualities[slot] == new.quality
    if old is not None and new.source > block.sources[slot]:
        # Kept even when the value is the same: a Grant frozen between the two moments must still see it.
        merged.superseded.append(Superseded(start, old, block.decimals[slot], block.qualities[slot], block.sources[slot]))
    if not same:
        merged.touch(start, start + block.interval_seconds)
    block.values[slot], block.decimals[slot] = new.value, new.decimals
    block.qualities[slot], block.sources[slot] = new.quality, new.source
