"""Copies of bills' sections and aggregations' numbers: newest version only."""

from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.values import AggregateDayV1, AggregationPublishedV1, BillPublishedV1, BillSectionLink
from cds_usage.domain.calendar import Calendar
from cds_usage.domain.day_block import BlockKey
from cds_usage.persistence.tables import aggregate_day, aggregation_copy, bill_copy, bill_section_link, usage_segment


async def store_bill(session: AsyncSession, event: BillPublishedV1, calendar: Calendar) -> None:
    """Keep the sections of the newest version of a Bill Statement."""
    row = upsert(bill_copy).values(statement_id=event.statement_id, version=event.version)
    row = row.on_conflict_do_update(
        index_elements=["statement_id"], set_={"version": row.excluded.version}, where=bill_copy.c.version < row.excluded.version
    )
    if await session.scalar(row.returning(bill_copy.c.statement_id)) is None:
        return
    ids = [section.section_id for section in event.sections]
    await session.execute(
        delete(bill_section_link).where((bill_section_link.c.statement_id == event.statement_id) | bill_section_link.c.section_id.in_(ids))
    )
    if event.sections:
        await session.execute(insert(bill_section_link), [_link(event, section, calendar) for section in event.sections])


def _link(event: BillPublishedV1, section: BillSectionLink, calendar: Calendar) -> dict[str, object]:
    return {
        "section_id": section.section_id,
        "statement_id": event.statement_id,
        "environment": event.environment,
        "account_id": section.account_id,
        "contract_ids": section.contract_ids,
        "service_point_ids": section.service_point_ids,
        "start_date": section.start_date,
        "end_date": section.end_date,
        "start_s": calendar.bounds(section.start_date)[0],
        "end_s": calendar.bounds(section.end_date)[1],
    }


async def store_aggregation(session: AsyncSession, event: AggregationPublishedV1) -> None:
    """Keep the number of an Aggregation and sort its segments by it."""
    row = upsert(aggregation_copy).values(
        aggregation_id=event.aggregation_id,
        environment=event.environment,
        version=event.version,
        aggregation_number=event.aggregation_number,
    )
    row = row.on_conflict_do_update(
        index_elements=["aggregation_id"],
        set_={"version": row.excluded.version, "aggregation_number": row.excluded.aggregation_number},
        where=aggregation_copy.c.version < row.excluded.version,
    )
    if await session.scalar(row.returning(aggregation_copy.c.aggregation_id)) is not None:
        mine = usage_segment.c.owner_id == event.aggregation_id
        await session.execute(update(usage_segment).where(mine).values(aggregation_number=event.aggregation_number))


async def claim_aggregate_day(session: AsyncSession, key: BlockKey, event: AggregateDayV1) -> bool:
    """Whether `event` is newer than what is stored of that day; its version is noted."""
    row = upsert(aggregate_day).values(**key._asdict(), version=event.version)
    row = row.on_conflict_do_update(
        index_elements=["owner_id", "series_id", "day", "interval_seconds", "phase"],
        set_={"version": row.excluded.version},
        where=aggregate_day.c.version < row.excluded.version,
    )
    claimed: UUID | None = await session.scalar(row.returning(aggregate_day.c.owner_id))
    return claimed is not None
