"""One time value of a request in words: how far back, how far ahead, or without an end (CDS-WG3-01 §9.2.2.2)."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import TypeVar
from zoneinfo import ZoneInfo

from cds_auth.domain.phrases import Phrases
from cds_common.access.durations import local_date, parse_duration, shift, shift_date

_Time = TypeVar("_Time", date, datetime)

INFINITE = "infinite"
_PARTS = re.compile(
    r"P(?:(?P<week>\d+)W|(?:(?P<year>\d+)Y)?(?:(?P<month>\d+)M)?(?:(?P<day>\d+)D)?"
    r"(?:T(?:(?P<hour>\d+)H)?(?:(?P<minute>\d+)M)?(?:(?P<second>\d+)S)?)?)"
)


class Side(Enum):
    """Where a time lies from now; relative start values count backwards, relative end values forwards (§7.3)."""

    PAST = "past"
    NOW = "now"
    FUTURE = "future"
    UNBOUNDED = "unbounded"


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment of rendering and the utility's clock, by which days are counted."""

    now: datetime
    timezone: ZoneInfo

    @property
    def today(self) -> date:
        """The utility's calendar day."""
        return local_date(self.now, self.timezone)


@dataclass(frozen=True, slots=True)
class Moment:
    """One start or end value: its side of now, its day, and the duration when the Client sent one."""

    side: Side
    day: date
    """Of no meaning for an unbounded side."""
    duration: str | None = None
    """`P13M`; None for an absolute value."""


def moment(value: str, clock: Clock, *, backwards: bool) -> Moment:
    """Class of a date, datetime, duration or `infinite`. Zero durations and the present day or instant count as now."""
    if value == INFINITE:
        return Moment(Side.UNBOUNDED, date.max)
    if value.startswith("P"):
        return _relative(value, clock, backwards=backwards)
    if "T" in value:
        at = datetime.fromisoformat(value)
        return Moment(_side(at, clock.now), local_date(at, clock.timezone))
    day = date.fromisoformat(value)
    return Moment(_side(day, clock.today), day)


def _relative(value: str, clock: Clock, *, backwards: bool) -> Moment:
    if not any(int(number) for number in re.findall(r"\d+", value)):
        return Moment(Side.NOW, clock.today)
    duration = parse_duration(value)
    sign = -1 if backwards else 1
    if "T" in value:
        day = local_date(shift(clock.now, duration, sign, clock.timezone), clock.timezone)
    else:
        day = shift_date(clock.today, duration, sign)
    return Moment(Side.PAST if backwards else Side.FUTURE, day, value)


def _side(value: _Time, now: _Time) -> Side:
    if value == now:
        return Side.NOW
    return Side.PAST if value < now else Side.FUTURE


def duration_in_words(value: str, phrases: Phrases) -> str:
    """`P1Y6M` as `1 year and 6 months`; parts that are zero are left out.

    Raises:
        ValueError: `value` is no duration.
    """
    found = _PARTS.fullmatch(value)
    if found is None:
        raise ValueError("not a duration")
    found_parts = [(unit, int(number)) for unit, number in found.groupdict().items() if number and int(number)]
    if len(found_parts) == 1 and found_parts[0][1] == 1:
        return phrases(f"duration.{found_parts[0][0]}.alone")  # "the past year", not "the past 1 year"
    parts = [phrases.count(f"duration.{unit}", number) for unit, number in found_parts]
    return phrases.join(parts)


def start_phrase(start: Moment, phrases: Phrases) -> str:
    """`from the past 13 months (since October 24, 2024)`, for a start that lies before now."""
    since = phrases.date(start.day)
    if start.duration is None:
        return phrases("start.since", since=since)
    return phrases("start.back", back=duration_in_words(start.duration, phrases), since=since)


def end_phrase(end: Moment, phrases: Phrases) -> str:
    """`for the next 3 years (until ...)`, `until ...`, or until the customer stops it."""
    if end.side is Side.UNBOUNDED:
        return phrases("end.open")
    until = phrases.date(end.day)
    if end.duration is None:
        return phrases("end.until", until=until)
    return phrases("end.later", ahead=duration_in_words(end.duration, phrases), until=until)
