"""When Python's collector of cycles runs: seldom, since nearly all of what a request or a batch makes goes when its last reference does."""

import gc

_ALLOCATIONS, _YOUNG, _MIDDLE = 20_000, 20, 20


def calm_collector() -> None:
    """Call it when everything is imported. At Python's own threshold of 700 objects the collector took an eighth of the time of a read.

    What was imported stays: a collection that looks through it all stands in the way of every request for a tenth of a second.
    """
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(_ALLOCATIONS, _YOUNG, _MIDDLE)
