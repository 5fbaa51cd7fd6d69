"""A resolution that does not fit into one message travels in parts."""

from collections.abc import Iterator, Sequence

from cds_common.events.resources import EntitlementEntry, EntitlementsResolvedV1, ObjectSet, ObjectSets, Reached
from cds_common.grant_copy.entry import KINDS, SETS, Kind, Sets, object_set, object_sets

OBJECTS_PER_PART = 5_000
"""About 130 bytes each in JSON: far below the largest event, and few parts for large customers."""

_Place = tuple[int, Sets, Kind]


def split_parts(whole: EntitlementsResolvedV1, *, size: int = OBJECTS_PER_PART) -> list[EntitlementsResolvedV1]:
    """Cut a resolution into events of at most `size` objects; a small one stays as it is."""
    objects = list(_objects(whole))
    if len(objects) <= size:
        return [whole]
    chunks = [objects[at : at + size] for at in range(0, len(objects), size)]
    return [
        EntitlementsResolvedV1(
            environment=whole.environment, occurred_at=whole.occurred_at, correlation_id=whole.correlation_id, grant_id=whole.grant_id,
            entries_version=whole.entries_version, version=whole.version, part=number, parts=len(chunks),
            entries=[_with_objects(entry, chunk) for entry in whole.entries],
        )
        for number, chunk in enumerate(chunks, start=1)
    ]  # fmt: skip


def merge_parts(parts: Sequence[EntitlementsResolvedV1]) -> EntitlementsResolvedV1:
    """Put all parts of one version together again."""
    objects = [found for part in parts for found in _objects(part)]
    first = parts[0]
    return first.model_copy(update={"part": 1, "parts": 1, "entries": [_with_objects(entry, objects) for entry in first.entries]})


def _objects(event: EntitlementsResolvedV1) -> Iterator[tuple[_Place, Reached]]:
    for entry in event.entries:
        for sets in SETS:
            for kind in KINDS:
                for reached in object_set(getattr(entry, sets), kind).objects:
                    yield (entry.entry_no, sets, kind), reached


def _with_objects(entry: EntitlementEntry, objects: Sequence[tuple[_Place, Reached]]) -> EntitlementEntry:
    found: dict[_Place, list[Reached]] = {}
    for place, reached in objects:
        if place[0] == entry.entry_no:
            found.setdefault(place, []).append(reached)

    def filled(sets: Sets) -> ObjectSets:
        old: ObjectSets = getattr(entry, sets)
        return object_sets(
            {kind: ObjectSet(all=object_set(old, kind).all, objects=found.get((entry.entry_no, sets, kind), [])) for kind in KINDS}
        )

    return entry.model_copy(update={sets: filled(sets) for sets in SETS})
