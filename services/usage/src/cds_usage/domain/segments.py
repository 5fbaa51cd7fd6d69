"""Which Usage Segment a value belongs to (CDS-WG3-01 §10.8.1).

A segment is a series group (Service Point, meter and interval, or Aggregation and interval) in one calendar month of
`cds_timezone`, on one grid, under the same Service Contracts: where a contract begins or ends inside the month, a new segment
begins. An interval of 25 days or more is a segment of its own. Days of a clock change lie on a grid of their own, so that
daily values of 23 or 25 hours never shift the rows after them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from uuid import UUID

from cds_common.ids import Environment, resource_id
from cds_usage.domain.calendar import DAY, Calendar, next_month
from cds_usage.domain.series import OwnerKind

OWN_SEGMENT_FROM = 25 * DAY

# The days of a month name the same segment, and a UUIDv5 costs as much as all the rest of finding it.
_named = lru_cache(maxsize=100_000)(resource_id)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of a Service Point's time in which the same contracts were served; `start`/`end` None = unbounded, in seconds."""

    start: int | None
    end: int | None
    contract_ids: tuple[UUID, ...] = ()
    account_ids: tuple[UUID, ...] = ()


WHOLE_TIME = Period(None, None)


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that share their rows."""

    environment: Environment
    owner_kind: OwnerKind
    owner_id: UUID
    meter_device_id: UUID | None
    interval_seconds: int


@dataclass(frozen=True, slots=True)
class Part:
    """The share of one day block that one segment holds. `lo` and `hi` bound all rows that the segment can ever have."""

    segment_id: UUID
    group: Group
    phase: int
    start: int
    end: int
    lo: int
    hi: int
    period: Period


def parts_of(group: Group, first: int, end: int, periods: Sequence[Period], calendar: Calendar) -> list[Part]:
    """Distribute the rows from `first` to `end` (one local day at most, or one long interval) over their segments.

    A row belongs to the period in which it starts.
    """
    step, day = group.interval_seconds, calendar.day_of(first)
    phase, own_segment = first % step, step >= OWN_SEGMENT_FROM
    month_start, month_end = calendar.bounds(day.replace(day=1))[0], calendar.bounds(next_month(day))[0]
    bucket = str(first) if own_segment else f"{day:%Y-%m}"
    found = list[Part]()
    for period in periods or (WHOLE_TIME,):
        row_start = first if period.start is None else max(first, _row_from(period.start, phase, step))
        row_end = end if period.end is None else min(end, _row_from(period.end, phase, step))
        if row_end <= row_start:
            continue
        # A whole month keeps its id when a contract that begins in another month becomes known.
        cut = period.start if period.start is not None and period.start > month_start and not own_segment else ""
        ref = f"{group.owner_kind}\x1f{group.owner_id}\x1f{group.meter_device_id}\x1f{step}\x1f{bucket}\x1f{phase}\x1f{cut}"
        segment_id = _named(group.environment, "usage_segment", ref)
        lo = first if own_segment else _row_from(max(month_start, period.start or month_start), phase, step)
        hi = end if own_segment else _row_from(min(month_end, month_end if period.end is None else period.end), phase, step)
        found.append(Part(segment_id, group, phase, row_start, row_end, lo, hi, period))
    return found


def _row_from(moment: int, phase: int, step: int) -> int:
    """The first row start of the grid at or after `moment`."""
    return phase + -(-(moment - phase) // step) * step


@dataclass(frozen=True, slots=True)
class ContractTenure:
    """A contract's time at a Service Point; `start`/`end` None = unbounded, in seconds."""

    contract_id: UUID
    account_id: UUID | None
    start: int | None
    end: int | None


def periods_of(tenures: Iterable[ContractTenure]) -> list[Period]:
    """Cut a Service Point's time at every beginning and end of a contract; the periods cover all time without gap."""
    held = sorted(tenures, key=lambda tenure: str(tenure.contract_id))
    marks = sorted({mark for tenure in held for mark in (tenure.start, tenure.end) if mark is not None})
    bounds = [None, *marks, None]
    periods = list[Period]()
    for start, end in pairwise(bounds):
        inside = [tenure for tenure in held if _covers(tenure, start, end)]
        contracts = tuple(dict.fromkeys(tenure.contract_id for tenure in inside))
        accounts = tuple(dict.fromkeys(tenure.account_id for tenure in inside if tenure.account_id is not None))
        previous = periods[-1] if periods else None
        if previous is not None and (previous.contract_ids, previous.account_ids) == (contracts, accounts):
            periods[-1] = Period(previous.start, end, contracts, accounts)
        else:
            periods.append(Period(start, end, contracts, accounts))
    return periods


def _covers(tenure: ContractTenure, start: int | None, end: int | None) -> bool:
    begins = tenure.start is None or (start is not None and tenure.start <= start)
    ends = tenure.end is None or (end is not None and tenure.end >= end)
    return begins and ends
