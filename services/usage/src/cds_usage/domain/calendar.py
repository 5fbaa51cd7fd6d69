"""Local days and months of the utility: a reading belongs to the day of `cds_timezone` in which it starts."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = 86_400


class Calendar:
    """Days and months of one time zone, as whole seconds since 1970-01-01T00:00Z; days of clock changes have 23 or 25 hours."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        self._zone = ZoneInfo(timezone)
        self._bounds = lru_cache(maxsize=20_000)(self._bounds_of)
        self._day_of = lru_cache(maxsize=50_000)(self._local_date)

    def day_of(self, second: int) -> date:
        """The local day that contains `second`."""
        # All zones change their offset on full minutes, so that one cache entry serves the quarter hour that asks most often.
        return self._day_of(second - second % 60)

    def bounds(self, day: date) -> tuple[int, int]:
        """First second of the local `day` and of the day after."""
        return self._bounds(day)

    def _local_date(self, second: int) -> date:
        return datetime.fromtimestamp(second, self._zone).date()

    def _bounds_of(self, day: date) -> tuple[int, int]:
        return self._midnight(day), self._midnight(day + timedelta(days=1))

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), self._zone).timestamp())


def next_month(day: date) -> date:
    """First day of the month after that of `day`."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def seconds_of(moment: datetime) -> int:
    """Whole seconds since 1970-01-01T00:00Z.

    Raises:
        ValueError: `moment` has no offset or a fraction of a second.
    """
    if moment.tzinfo is None or moment.microsecond:
        raise ValueError("a reading starts on a full second and has an offset")
    return int(moment.timestamp())


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of_micros(micros: int) -> datetime:
    """The reverse of `micros_of`, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def moment_of(second: int) -> datetime:
    """The reverse of `seconds_of`, in UTC."""
    return _EPOCH + timedelta(seconds=second)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
