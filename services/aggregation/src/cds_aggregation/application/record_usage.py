"""Take in days of usage: every point's days are kept, since a group may be made of it later."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.sums import scaled, summed_shape
from cds_aggregation.persistence.member_days import StoredMemberDay, kind_ids, save_member_days, shape_key
from cds_common.events.values import UsageDayV1


async def record_usage(session: AsyncSession, events: Sequence[UsageDayV1], timezone: str) -> None:
    """Store the days that add up, and mark the sums that they change."""
    shaped = [(event, shape) for event in _newest(events) if (shape := summed_shape(event.shape.model_dump())) is not None]
    ids = await kind_ids(session, (shape for _, shape in shaped))
    days = [_stored(event, ids[shape_key(shape)], ZoneInfo(timezone)) for event, shape in shaped]
    await save_member_days(session, days)


def _newest(events: Sequence[UsageDayV1]) -> list[UsageDayV1]:
    """One event per day of a series: a statement can write a row only once."""
    found = dict[tuple[object, ...], UsageDayV1]()
    for event in events:
        key = (event.service_point_id, event.series_id, event.day, event.interval_seconds, _phase(event))
        if key not in found or found[key].version < event.version:
            found[key] = event
    return list(found.values())


def _phase(event: UsageDayV1) -> int:
    return int(event.start.timestamp()) % event.interval_seconds


def _stored(event: UsageDayV1, kind_id: int, zone: ZoneInfo) -> StoredMemberDay:
    decimals, values = scaled(event.values, event.decimals)
    end = event.start + timedelta(seconds=event.interval_seconds * len(values) - 1)
    return StoredMemberDay(
        service_point_id=event.service_point_id,
        series_id=event.series_id,
        day=event.day,
        interval_seconds=event.interval_seconds,
        phase=_phase(event),
        kind_id=kind_id,
        version=event.version,
        first=int(event.start.timestamp()),
        last_day=_local_day(end, zone),
        decimals=decimals,
        values=values,
        amount=Decimal(sum(abs(value) for value in values if value is not None)).scaleb(-decimals),
        source_time=event.source_time,
    )


def _local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
