"""Relative and absolute dates of authorization details: the RFC 3339 Appendix A grammar, reckoned in the Server's timezone."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

Sign = Literal[1, -1]

# At most six digits a part: longer numbers leave the calendar anyway, and int() on a huge string is slow.
_N = "([0-9]{1,6})"
_DATE = f"(?:{_N}Y(?:{_N}M(?:{_N}D)?)?|{_N}M(?:{_N}D)?|{_N}D)"
_TIME = f"T(?:{_N}H(?:{_N}M(?:{_N}S)?)?|{_N}M(?:{_N}S)?|{_N}S)"
_DURATION = re.compile(f"P(?:{_DATE}(?:{_TIME})?|{_TIME}|{_N}W)")
_ABSOLUTE_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ABSOLUTE_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months, calendar days and exact seconds; never negative."""

    months: int = 0
    days: int = 0
    seconds: int = 0


def _sum(groups: tuple[str | None, ...], *positions: int) -> int:
    return sum(int(groups[position] or 0) for position in positions)


def parse_duration(text: str, *, with_time: bool = True) -> Duration:
    """Read a duration (RFC 3339 Appendix A); `with_time` False refuses hours, minutes and seconds.

    Raises:
        ValueError: outside the grammar, signed, fractional, or a time part where none is allowed.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("not a duration of RFC 3339 Appendix A")
    if "T" in text and not with_time:
        raise ValueError("a duration without hours, minutes and seconds is expected")
    g = match.groups()
    # Groups: date = Y M D | M D | D (0-5); time after a date (6-11) or alone (12-17) = H M S | M S | S; weeks (18).
    hours, minutes = _sum(g, 6, 12), _sum(g, 7, 9, 13, 15)
    seconds = _sum(g, 8, 10, 11, 14, 16, 17)
    return Duration(12 * _sum(g, 0) + _sum(g, 1, 3), _sum(g, 2, 4, 5) + 7 * _sum(g, 18), 3600 * hours + 60 * minutes + seconds)


def parse_date(text: str) -> date:
    """Read an absolute date `2024-01-31`. ValueError otherwise."""
    if _ABSOLUTE_DATE.fullmatch(text) is None:
        raise ValueError("not a date of the form 2024-01-31")
    return date.fromisoformat(text)


def parse_instant(text: str) -> datetime:
    """Read an absolute datetime with offset (RFC 3339); fractions beyond microseconds are cut. UTC comes out.

    Raises:
        ValueError: malformed, impossible or without offset.
    """
    match = _ABSOLUTE_DATETIME.fullmatch(text)
    if match is None:
        raise ValueError("not a datetime of RFC 3339 with an offset")
    fraction = match.group(1) or ""
    value = datetime.fromisoformat(text.upper().replace(fraction, fraction[:7].ljust(7, "0"), 1) if fraction else text.upper())
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the datetime lies outside the calendar") from error


def _shift_day(day: date, duration: Duration, sign: Sign) -> date:
    month = day.year * 12 + day.month - 1 + sign * duration.months
    year, index = divmod(month, 12)
    if not 1 <= year <= 9998:
        raise ValueError("the duration leaves the calendar")
    last = calendar.monthrange(year, index + 1)[1]
    try:
        return date(year, index + 1, min(day.day, last)) + sign * timedelta(days=duration.days)
    except OverflowError as error:
        raise ValueError("the duration leaves the calendar") from error


def shift_date(day: date, duration: Duration, sign: Sign) -> date:
    """Move a local date; a day that the month lacks becomes its last day. ValueError when it leaves the calendar."""
    return _shift_day(day, duration, sign)


def shift(instant: datetime, duration: Duration, sign: Sign, tz: tzinfo) -> datetime:
    """Move an instant: months and days on the local calendar of `tz` (wall time stays over DST changes), then exact seconds.

    A wall time that the clock skips is read with the offset before the change; one that occurs twice keeps the pass of
    `instant`. UTC comes out. ValueError when it leaves the calendar.
    """
    moved = instant.astimezone(UTC)
    if duration.months or duration.days:
        local = instant.astimezone(tz)
        day = _shift_day(local.date(), duration, sign)
        moved = datetime.combine(day, local.time(), tz).replace(fold=local.fold).astimezone(UTC)
    try:
        return moved + sign * timedelta(seconds=duration.seconds)
    except OverflowError as error:
        raise ValueError("the duration leaves the calendar") from error


def local_date(instant: datetime, tz: tzinfo) -> date:
    """The date of `instant` on the calendar of `tz`."""
    return instant.astimezone(tz).date()


def render_instant(instant: datetime) -> str:
    """`2028-11-24T18:12:00Z`; microseconds only when there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
