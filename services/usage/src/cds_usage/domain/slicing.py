"""Cut a message of readings into the local days in which its values start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from cds_usage.domain.calendar import Calendar
from cds_usage.domain.day_block import Slice


@dataclass(frozen=True, slots=True)
class Run:
    """Equally long readings that follow each other without a gap; `start` in seconds, `source` in microseconds."""

    start: int
    interval_seconds: int
    values: Sequence[int | None]
    decimals: int | Sequence[int]
    quality: int
    source: int


def by_day(run: Run, calendar: Calendar) -> Iterator[tuple[date, Slice]]:
    """Yield (local day, readings that start on it) in order; an interval that crosses midnight belongs to the day it starts on."""
    position, total = 0, len(run.values)
    while position < total:
        first = run.start + position * run.interval_seconds
        day = calendar.day_of(first)
        _, day_end = calendar.bounds(day)
        count = min(total - position, -(-(day_end - first) // run.interval_seconds))
        stop = position + count
        decimals = run.decimals if isinstance(run.decimals, int) else run.decimals[position:stop]
        yield day, Slice(first, run.values[position:stop], decimals, run.quality, run.source)
        position = stop
