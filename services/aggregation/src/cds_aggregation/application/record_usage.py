"""Take in days of usage: every point's days are kept, since a group may be made of it later."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.sums import scaled, summed_shape
from cds_aggregation.persistence.aggregations_write import lock_graph_shared
from cds_aggregation.persistence.member_days import StoredMemberDay, kind_ids, save_member_days, shape_key
from cds_common.events.values import UsageDay


async def record_usage(session: AsyncSession, days: Sequence[UsageDay], timezone: str) -> None:
    """Store the days that add up, and mark the sums that they change."""
    await lock_graph_shared(session)
    shapes = {shape: summed_shape(shape.model_dump()) for shape in {day.shape for day in days}}  # pyright: ignore[reportUnhashable]  # frozen
    ids = await kind_ids(session, (shape for shape in shapes.values() if shape is not None))
    kinds = {shape: ids[shape_key(summed)] for shape, summed in shapes.items() if summed is not None}
    zone = ZoneInfo(timezone)
    await save_member_days(session, [_stored(day, kinds[day.shape], zone) for day in _newest(days) if day.shape in kinds])


def _newest(days: Sequence[UsageDay]) -> list[UsageDay]:
    """One version per day of a series: a statement can write a row only once."""
    found = dict[tuple[object, ...], UsageDay]()
    for day in days:
        key = (day.service_point_id, day.series_id, day.day, day.interval_seconds, day.phase)
        if key not in found or found[key].version < day.version:
            found[key] = day
    return list(found.values())


def _stored(day: UsageDay, kind_id: int, zone: ZoneInfo) -> StoredMemberDay:
    decimals, values = scaled(day.values, day.decimals)
    end = day.start + timedelta(seconds=day.interval_seconds * len(values) - 1)
    return StoredMemberDay(
        service_point_id=day.service_point_id,
        series_id=day.series_id,
        day=day.day,
        interval_seconds=day.interval_seconds,
        phase=day.phase,
        kind_id=kind_id,
        version=day.version,
        first=int(day.start.timestamp()),
        last_day=_local_day(end, zone),
        decimals=decimals,
        values=values,
        amount=Decimal(sum(abs(value) for value in values if value is not None)).scaleb(-decimals),
        source_time=day.source_time,
    )


def _local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
