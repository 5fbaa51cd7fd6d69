"""Versions of published snapshots."""

from datetime import datetime


def next_version(before: int | None, now: datetime) -> int:
    """A version above `before`, and above all that a database held which has been lost since: consumers keep the highest.

    Milliseconds of the clock, or one more than before where that is higher.
    """
    return max((before or 0) + 1, int(now.timestamp() * 1000))
