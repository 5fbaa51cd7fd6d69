"""Groups of groups: who belongs to an Aggregation in the end, and how large ones are divided (CDS-WG3-01 §10.7.1, §10.7.2)."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

MAX_GROUPED = 1000
"""Items that one grouped_* list may have."""
MAX_SELECTED = 100
"""Members that an aggregation of selected numbers may list itself."""
CHUNK = 100
NUMBER_TYPES = frozenset({"account_number", "contract_number", "servicepoint_number", "meter_number"})


def members_of(root: UUID, points: Mapping[UUID, frozenset[UUID]], children: Mapping[UUID, frozenset[UUID]]) -> frozenset[UUID]:
    """All Service Points of `root` and of the Aggregations below it; a group that contains itself ends there."""
    seen, open_ids, found = {root}, [root], set[UUID]()
    while open_ids:
        current = open_ids.pop()
        found |= points.get(current, frozenset())
        below = children.get(current, frozenset()) - seen
        seen |= below
        open_ids.extend(below)
    return frozenset(found)


def needs_division(types: Sequence[str], longest: int) -> bool:
    """Whether an Aggregation whose longest list has `longest` items has to be divided."""
    return longest > (MAX_SELECTED if NUMBER_TYPES & set(types) else MAX_GROUPED)


def divide(points: Sequence[UUID]) -> Iterator[tuple[int, Sequence[UUID]]]:
    """Parts of at most `CHUNK` points with their number. The order of the points must be stable, so that the parts are."""
    for number, start in enumerate(range(0, len(points), CHUNK)):
        yield number, points[start : start + CHUNK]
