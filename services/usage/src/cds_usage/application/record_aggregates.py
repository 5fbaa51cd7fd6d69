"""Take in the sums of Aggregations, in batches: a day's sum replaces the one before (CDS-WG3-01 §10.7.7)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.batches import events_of
from cds_common.db import Sessions
from cds_common.events.values import AggregateDayV1
from cds_common.inbox import once_each
from cds_usage.application.block_merging import merge_slices
from cds_usage.application.ingest import Ingest
from cds_usage.domain.calendar import Calendar, micros_of, seconds_of
from cds_usage.domain.day_block import BlockKey, Slice, replace
from cds_usage.domain.series import Series, SeriesKind
from cds_usage.persistence.copies import claim_aggregate_days
from cds_usage.persistence.series import SeriesKinds, add_series


async def ingest_aggregates(sessions: Sessions, ingest: Ingest, messages: Sequence[dict[str, object]]) -> int:
    """Handle a batch in one transaction; returns how many messages were new.

    Raises:
        ValueError: a message is not valid; the bus then offers each message of the batch alone.
        ConcurrentWrite: another consumer changed one of the blocks meanwhile.
    """
    events = events_of(AggregateDayV1, messages)
    await ingest.partitions.ensure(event.day for event in events)
    async with once_each(sessions, consumer="usage.aggregates", events=events) as (session, new):
        await record_aggregates(session, new, ingest.kinds, ingest.calendar, ingest.now())
    return len(new)


def aggregate_block(event: AggregateDayV1) -> tuple[BlockKey, Slice, Series]:
    """The block of a day of an Aggregation.

    Raises:
        ValueError: the day starts inside a second.
    """
    kind = SeriesKind.of(event.shape.model_dump(), event.interval_seconds)
    series = Series.of(event.environment, "aggregation", event.aggregation_id, None, kind)
    start = seconds_of(event.start)
    key = BlockKey(event.aggregation_id, series.series_id, event.day, event.interval_seconds, start % event.interval_seconds)
    return key, Slice(start, event.values, event.decimals, 0, micros_of(event.source_time or event.occurred_at)), series


async def record_aggregates(
    session: AsyncSession, events: Iterable[AggregateDayV1], kinds: SeriesKinds, calendar: Calendar, now: datetime
) -> None:
    """Store the sums of days of which no newer ones are held."""
    newest = dict[BlockKey, tuple[int, Slice, Series]]()
    for event in events:
        key, piece, series = aggregate_block(event)
        if key not in newest or newest[key][0] < event.version:
            newest[key] = (event.version, piece, series)
    claimed = await claim_aggregate_days(session, {key: version for key, (version, _, _) in newest.items()})
    found = {series.series_id: series for _, _, series in (newest[key] for key in claimed)}
    ids = await kinds.ids(session, (series.kind for series in found.values()))
    await add_series(session, found.values(), ids)
    known = {series_id: (series, ids[series.kind]) for series_id, series in found.items()}
    await merge_slices(session, {key: [newest[key][1]] for key in claimed}, known, calendar=calendar, now=now, lay=replace)
