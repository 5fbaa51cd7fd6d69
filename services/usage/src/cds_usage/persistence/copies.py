"""Copies of bills' sections and aggregations' numbers: newest version only."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.values import AggregationPublishedV1, BillPublishedV1, BillSectionLink
from cds_usage.domain.calendar import Calendar
from cds_usage.domain.day_block import BlockKey
from cds_usage.persistence.segments_write import lock
from cds_usage.persistence.tables import aggregation_copy, bill_copy, bill_section_link, usage_segment


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
        await lock(session, [event.aggregation_id])
        mine = usage_segment.c.owner_id == event.aggregation_id
        await session.execute(update(usage_segment).where(mine).values(aggregation_number=event.aggregation_number))


_CLAIM_DAYS = text("""
    INSERT INTO aggregate_day AS d (owner_id, series_id, day, interval_seconds, phase, version)
    SELECT * FROM unnest(CAST(:owners AS uuid[]), CAST(:series AS uuid[]), CAST(:days AS date[]), CAST(:intervals AS integer[]),
        CAST(:phases AS integer[]), CAST(:versions AS bigint[]))
    ON CONFLICT (owner_id, series_id, day, interval_seconds, phase) DO UPDATE SET version = excluded.version
    WHERE d.version < excluded.version
    RETURNING owner_id, series_id, day, interval_seconds, phase
""")


async def claim_aggregate_days(session: AsyncSession, versions: Mapping[BlockKey, int]) -> list[BlockKey]:
    """The days of which no version as new as this is stored; theirs are noted."""
    keys = sorted(versions)  # two batches that meet wait for each other in one order
    columns = {
        "owners": [key.owner_id for key in keys],
        "series": [key.series_id for key in keys],
        "days": [key.day for key in keys],
        "intervals": [key.interval_seconds for key in keys],
        "phases": [key.phase for key in keys],
        "versions": [versions[key] for key in keys],
    }
    return [BlockKey(*row) for row in await session.execute(_CLAIM_DAYS, columns)] if keys else []
