"""Local days and months of the demo utility's time zone, with their true lengths on clock-change days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Los_Angeles")
QUARTER = timedelta(minutes=15)


def midnight(day: date) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(0), ZONE).astimezone(UTC)


def quarters(day: date) -> int:
    """Quarter hours of a local day: 92 in spring, 100 in autumn, else 96."""
    return (midnight(day + timedelta(days=1)) - midnight(day)) // QUARTER


def next_month(day: date) -> date:
    """First day of the month after `day`."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """The calendar months between `start` and `end` (exclusive), cut at both ends."""
    while start < end:
        stop = min(next_month(start), end)
        yield start, stop
        start = stop


def days(start: date, end: date) -> Iterator[date]:
    """Each local day from `start` to before `end`."""
    for offset in range((end - start).days):
        yield start + timedelta(days=offset)
