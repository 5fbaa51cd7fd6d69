"""The batch of readings as a worker takes it: partitions first, then inbox rows and effect in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from cds_common.batches import events_of, shares
from cds_common.db import Sessions
from cds_common.events.utility import ReadingsRecordedV1
from cds_common.inbox import claim_events
from cds_usage.application.record_readings import Readings, record_readings
from cds_usage.domain.calendar import Calendar
from cds_usage.persistence.partitions import Partitions
from cds_usage.persistence.series import SeriesKinds


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ingest:
    """What the consumers of values share for the life of the process."""

    calendar: Calendar
    partitions: Partitions
    kinds: SeriesKinds = field(default_factory=SeriesKinds)
    now: Callable[[], datetime] = _utc_now
    eac_formats: frozenset[str] | None = None
    """The formats that the metadata describes (§10.9.3); None = not looked at."""


MAX_VALUES, MAX_POINTS = 250_000, 500
"""Values and Service Points in one transaction: about a second of work, well below the time limit of a statement, and no more locks
than PostgreSQL has room for with a dozen workers."""


async def ingest_readings(sessions: Sessions, ingest: Ingest, messages: Sequence[dict[str, object]]) -> int:
    """Handle a batch in transactions of at most `MAX_VALUES` values; returns how many messages were new.

    Raises:
        ValueError: a message is not valid; the bus then offers each message of the batch alone.
        ConcurrentWrite: another consumer changed one of the blocks meanwhile.
    """
    events = events_of(ReadingsRecordedV1, messages)
    return sum([await _ingest(sessions, ingest, share) for share in _transactions(events)])


def _transactions(events: Sequence[ReadingsRecordedV1]) -> Iterator[list[ReadingsRecordedV1]]:
    """All that a batch says of a point together, in its order: readings that come one by one meet in few blocks."""
    points = dict[tuple[str, str], list[ReadingsRecordedV1]]()
    for event in events:
        points.setdefault((event.environment, event.servicepoint_ref), []).append(event)
    parts = (part for said in points.values() for part in shares(said, _values, MAX_VALUES))
    for some in shares(parts, lambda part: max(sum(map(_values, part)), MAX_VALUES // MAX_POINTS), MAX_VALUES):
        yield [event for part in some for event in part]


def _values(event: ReadingsRecordedV1) -> int:
    return len(event.values)


async def _ingest(sessions: Sessions, ingest: Ingest, events: Sequence[ReadingsRecordedV1]) -> int:
    now = ingest.now()
    every = Readings(ingest.calendar, now)
    for event in events:
        every.add(event)
    await ingest.partitions.ensure(key.day for key in every.pieces)
    async with sessions.begin() as session:
        new = await claim_events(session, consumer="usage.readings", event_ids=[event.event_id for event in events])
        count = len(new)
        readings = every if count == len(events) else _of_new(ingest, events, new, now)
        await record_readings(session, readings, ingest.kinds, ingest.calendar, now)
    return count


def _of_new(ingest: Ingest, events: Sequence[ReadingsRecordedV1], new: set[UUID], now: datetime) -> Readings:
    readings = Readings(ingest.calendar, now)
    for event in events:
        if event.event_id in new:
            new.discard(event.event_id)  # a batch may hold the same message twice
            readings.add(event)
    return readings
