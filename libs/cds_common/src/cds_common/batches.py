"""What handlers of whole batches share: which messages are theirs, and transactions of bounded size."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from cds_common.events.envelope import IntegrationEvent

T = TypeVar("T")
E = TypeVar("E", bound=IntegrationEvent)


def events_of(kind: type[E], messages: Iterable[Mapping[str, object]]) -> list[E]:
    """The messages of this type; others are newer types, which are not ours to fail on.

    Raises:
        ValueError: a message is not valid; the bus then offers each message of the batch alone. One that names no type is looked
            at as if it were ours, so that it is refused and not passed over in silence.
    """
    own = kind.type_name()
    return [kind.model_validate(message) for message in messages if message.get("event_type", own) == own]


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
