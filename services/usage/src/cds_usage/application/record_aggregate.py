"""Take in the sums of an Aggregation: a day's sum replaces the one before (CDS-WG3-01 §10.7.7)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.values import AggregateDayV1
from cds_usage.application.block_merging import merge_slices
from cds_usage.domain.calendar import Calendar, micros_of, seconds_of
from cds_usage.domain.day_block import BlockKey, Slice, replace
from cds_usage.domain.series import Series, SeriesKind
from cds_usage.persistence.copies import claim_aggregate_day
from cds_usage.persistence.series import SeriesKinds, add_series


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


async def record_aggregate(session: AsyncSession, event: AggregateDayV1, kinds: SeriesKinds, calendar: Calendar, now: datetime) -> None:
    """Store the sums of one day unless newer ones are held."""
    key, piece, series = aggregate_block(event)
    if not await claim_aggregate_day(session, key, event):
        return
    ids = await kinds.ids(session, [series.kind])
    await add_series(session, [series], ids)
    known = {series.series_id: (series, ids[series.kind])}
    await merge_slices(session, {key: [piece]}, known, calendar=calendar, now=now, lay=replace)
