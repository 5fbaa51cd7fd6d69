"""Cut a batch into transactions of bounded size."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def shares(items: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Yield `items` in order, in lists whose sizes add up to at most `limit`; an item that is larger stands alone."""
    share, held = list[T](), 0
    for item in items:
        own = size(item)
        if share and held + own > limit:
            yield share
            share, held = [], 0
        share.append(item)
        held += own
    if share:
        yield share
