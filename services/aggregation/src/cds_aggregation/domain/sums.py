"""Exact sums of members' days (CDS-WG3-01 §10.7.7): scaled integers without a bound, no float, no rounding."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

SUMMED_FIELDS = ("value_type", "units", "direction", "demand_type", "currency")
"""Fields of a shape that stay in its sum; a member's time-of-use, tier, season and register columns add up to one."""

_ADDITIVE = frozenset({"electric_usage", "electric_demand", "water_usage", "natural_gas_usage", "fuel_oil_usage", "cost"})
GRACE = timedelta(days=7)
"""How long after its newest day a member's next day is waited for."""


def summed_shape(shape: Mapping[str, Any]) -> dict[str, str] | None:
    """The shape under which a series is summed; None when its values do not add up (readings, mixes, peaks of demand)."""
    if shape["value_type"] not in _ADDITIVE or shape.get("demand_type") == "peak":
        return None
    return {name: str(shape[name]) for name in SUMMED_FIELDS if shape.get(name) is not None}


@dataclass(frozen=True, slots=True)
class MemberDays:
    """One day of series that begin at the same moment with the same digits: value i of row n is that of `member_ids[n]`.

    It counts `rows[n][i] / 10 ** decimals`, from `first` in steps of the interval.
    """

    member_ids: Sequence[UUID]
    first: int
    decimals: int
    rows: Sequence[Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class SumDay:
    """The sum of a day; a slot is None where a member that belongs to the day has no value."""

    first: int
    decimals: int
    values: tuple[int | None, ...]


def scaled(values: Sequence[int | None], decimals: int | Sequence[int]) -> tuple[int, list[int | None]]:
    """Bring values to one number of decimals, the largest among them."""
    if isinstance(decimals, int):
        return decimals, list(values)
    most = max((digits for digits, value in zip(decimals, values, strict=True) if value is not None), default=0)
    return most, [None if value is None else value * 10 ** (most - digits) for value, digits in zip(values, decimals, strict=True)]


@dataclass(frozen=True, slots=True)
class Quorum:
    """Who has to have a value before a slot's sum is shown.

    `expected`: how many members belong to the day. `smallest`: the smallest number of members that may be shown without consents.
    `required`: the members of everyone who has a contract in the group, one set per customer; a smaller sum is only shown when it
    covers a member of each of them, since the consents and thresholds speak of all of them together.
    """

    expected: int
    smallest: int
    required: Sequence[frozenset[UUID]] = ()

    def allows(self, present: Set[UUID], belonging: int) -> bool:
        """Whether a sum over `present` members may be shown; `belonging` had a series on that day."""
        if len(present) < max(self.expected, belonging):
            return False
        return len(present) >= self.smallest or (bool(self.required) and all(present & homes for homes in self.required))


def sum_days(days: Iterable[MemberDays], interval_seconds: int, quorum: Quorum) -> SumDay | None:
    """Add the days of all members, slot by slot; None when there is no day.

    A member with several series counts in a slot when any of them has a value there. A slot without its quorum is None: a sum
    with a hole would mislead, and a sum over few would show them.
    """
    held = list(days)
    if not held:
        return None
    first = min(day.first for day in held)
    end = max(day.first + len(row) * interval_seconds for day in held for row in day.rows)
    most = max(day.decimals for day in held)
    count = (end - first) // interval_seconds
    sums = [0] * count
    everywhere, elsewhere = set[UUID](), [set[UUID]() for _ in range(count)]
    for day in held:
        offset, factor = (day.first - first) // interval_seconds, 10 ** (most - day.decimals)
        # Most days of most members have every value: those are added column by column, and nobody has to be looked for slot by slot.
        whole = _without_holes(day.rows, count)
        if whole is not None:
            sums = [total + sum(column) * factor for total, column in zip(sums, zip(*whole, strict=True), strict=True)]
            everywhere.update(day.member_ids)
            continue
        for member_id, row in zip(day.member_ids, day.rows, strict=True):
            for index, value in enumerate(row, offset):
                if value is not None:
                    sums[index] += value * factor
                    elsewhere[index].add(member_id)
    belonging = len({member_id for day in held for member_id in day.member_ids})
    always = quorum.allows(everywhere, belonging)
    shown = (always or (bool(some) and quorum.allows(everywhere | some, belonging)) for some in elsewhere)
    return SumDay(first, most, tuple(total if seen else None for total, seen in zip(sums, shown, strict=True)))


def _without_holes(rows: Sequence[Sequence[int | None]], count: int) -> Sequence[Sequence[int]] | None:
    """The rows, if every one has `count` values."""
    return cast("Sequence[Sequence[int]]", rows) if all(len(row) == count and None not in row for row in rows) else None


@dataclass(frozen=True, slots=True)
class Span:
    """First and newest day for which a member has values of one kind."""

    first_day: date
    last_day: date

    def expects(self, day: date) -> bool:
        """Whether the member belongs to `day`: between its first and newest day, and a week beyond, since data comes late."""
        return self.first_day <= day <= self.last_day + GRACE
