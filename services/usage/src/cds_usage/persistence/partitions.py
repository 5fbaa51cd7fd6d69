"""Monthly partitions of the value tables, made before the first value of a month arrives (declarative partitioning)."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_usage.domain.calendar import next_month

PARTITIONED = ("day_block", "day_block_history")
_LOCK = 0x0CD5_0DA7
EARLIEST = date(1990, 1, 1)
_YEARS_AHEAD = 2


class Partitions:
    """Knows which months have partitions, and makes the others in transactions of their own."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._known = set[date]()

    async def ensure(self, days: Iterable[date]) -> None:
        """Make the partitions of the months of `days`.

        Only the parent is locked, and only against other changes of its form: readers and writers go on (ATTACH PARTITION).
        """
        missing = sorted({day.replace(day=1) for day in days} - self._known)
        if not missing:
            return
        async with self._sessions.begin() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            for month in missing:
                for table in PARTITIONED:
                    await _attach(session, table, month)
        self._known.update(missing)

    async def ensure_ahead(self, today: date, months: int = 3) -> None:
        """Make the partitions of this month and the next ones."""
        month, wanted = today.replace(day=1), list[date]()
        for _ in range(months + 1):
            wanted.append(month)
            month = next_month(month)
        await self.ensure(wanted)


def check_day(day: date, today: date) -> None:
    """Bound the months that a message can bring into being.

    Raises:
        ValueError: `day` is before 1990 or more than two years ahead.
    """
    if not EARLIEST <= day <= today + timedelta(days=366 * _YEARS_AHEAD):
        raise ValueError("a reading lies outside of the time that is stored")


async def _attach(session: AsyncSession, table: str, month: date) -> None:
    # Names and bounds are built from dates and the two constants above: nothing of a message enters the statement.
    name = f"{table}_{month:%Y_%m}"
    if await session.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}):
        return
    bounds = f"FROM ('{month.isoformat()}') TO ('{next_month(month).isoformat()}')"
    await session.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    await session.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))
