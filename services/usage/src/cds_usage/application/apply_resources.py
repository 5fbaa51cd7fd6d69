"""Follow accounts' resources: numbers for the order, contract tenures for the cuts of segments."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.resources import ResourcePublishedV1
from cds_usage.domain.calendar import Calendar
from cds_usage.domain.segments import ContractTenure, Period, parts_of, periods_of
from cds_usage.persistence.block_spans import block_spans
from cds_usage.persistence.resources import (
    NUMBERED,
    PointLink,
    load_point_links,
    points_of_contract,
    renumber,
    save_tenures,
    store_resource,
)
from cds_usage.persistence.segments_write import SegmentTouch, load_periods, lock, replace_segments


async def apply_resources(session: AsyncSession, events: Iterable[ResourcePublishedV1], calendar: Calendar) -> None:
    """Keep the newest versions of resources and let the segments follow."""
    changed = [event for event in events if await store_resource(session, event)]
    points = {event.resource_id for event in changed if event.kind == "service_point"}
    for event in changed:
        if event.kind == "service_contract":
            points |= await points_of_contract(session, event.resource_id, [link.id for link in event.service_points])
    await lock(session, points)  # all of them before the first number, as everybody does
    for point_id in points:
        await refresh_point(session, point_id, calendar)
    numbered = [event for event in changed if event.kind in NUMBERED]
    await lock(session, [event.resource_id for event in numbered])
    for event in numbered:
        await renumber(session, event.kind, event.resource_id)


async def refresh_point(session: AsyncSession, point_id: UUID, calendar: Calendar) -> None:
    """Derive tenures and periods of a Service Point, which is locked; when the periods changed, cut its segments anew."""
    links = await load_point_links(session, point_id)
    if links is None:
        return
    tenures = [_tenure(link) for link in links]
    periods = periods_of(tenures)
    before = (await load_periods(session, [point_id])).get(point_id)
    await save_tenures(session, point_id, tenures, periods)
    if before != periods:
        await rebuild_segments(session, point_id, periods, calendar)


async def rebuild_segments(session: AsyncSession, owner_id: UUID, periods: list[Period], calendar: Calendar) -> None:
    """Build the segments of an owner from its blocks."""
    touches = list[SegmentTouch]()
    async for span in block_spans(session, owner_id):
        touches.extend(
            SegmentTouch(part, part.start, part.end, {span.kind_id}, span.source_min, span.created, span.modified, span.synced)
            for part in parts_of(span.group, span.first, span.end, periods, calendar)
        )
    await replace_segments(session, owner_id, touches)


def _tenure(link: PointLink) -> ContractTenure:
    start, end, account_id = link.start, link.end, None
    if link.contract is not None:
        accounts = link.contract["account_ids"]
        account_id = UUID(accounts[0]) if accounts else None
        own = next((row for row in link.contract["contracts"] if UUID(row["id"]) == link.contract_id), None)
        if own is not None:
            start = start or (datetime.fromisoformat(own["start"]) if own["start"] else None)
            end = end or (datetime.fromisoformat(own["end"]) if own["end"] else None)
    return ContractTenure(link.contract_id, account_id, _second(start), _second(end))


def _second(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
