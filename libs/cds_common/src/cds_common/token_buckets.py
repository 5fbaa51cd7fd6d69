"""Token buckets in the memory of one process: N processes allow up to N times as much. They stop guessing and runaway scripts; they
are no quota.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_KEYS = 50_000


class TokenBuckets:
    """One bucket of `burst` drops per key, refilled with `per_second`; a rate of 0 = no limit.

    Keys that were not used for longest are forgotten first, which can only favour them.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_for(self, key: str, cost: float = 1.0) -> float:
        """Take `cost` drops and give 0, or take nothing and give the seconds until they are there; a cost of 0 only looks."""
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        level, at = self._buckets.get(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        missing = max(cost, 1.0) - level
        self._buckets[key] = (level if missing > 0 else level - cost, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MAX_KEYS:
            self._buckets.popitem(last=False)
        return max(0.0, missing / self._rate)


def retry_after(wait: float) -> dict[str, str]:
    """The header for a wait in seconds (RFC 9110 §10.2.3): whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(wait)))}
