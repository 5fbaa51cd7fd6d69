"""The work beside the consumers: sums that are marked, and groups that have to be evaluated."""

import asyncio
from datetime import UTC, datetime

import structlog

from cds_aggregation.application.refresh import refresh
from cds_aggregation.application.sum_days import sum_dirty_days
from cds_aggregation.domain.rules import Rules
from cds_aggregation.persistence.aggregations_write import due_aggregations, has_work
from cds_common.db import Sessions
from cds_common.faults import DATABASE_FAULTS
from cds_common.telemetry import untraced

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.25
_FAULT_PAUSE_SECONDS = 2.0


async def keep_sums(sessions: Sessions, rules: Rules) -> None:
    """Work until cancelled; a database that is away is waited for."""
    while True:
        try:
            worked = await work_once(sessions, rules, datetime.now(UTC))
        except DATABASE_FAULTS as fault:
            log.warning("sums_wait", error_type=type(fault).__name__)
            await asyncio.sleep(_FAULT_PAUSE_SECONDS)
        else:
            if not worked:
                await asyncio.sleep(_PAUSE_SECONDS)


async def work_once(sessions: Sessions, rules: Rules, now: datetime) -> bool:
    """One round: some marked sums, and the groups that are due. Returns whether there was anything to do."""
    with untraced():
        async with sessions() as session:
            if not await has_work(session, now):
                return False
    async with sessions.begin() as session:
        summed = await sum_dirty_days(session, rules, now)
    async with sessions.begin() as session:
        due = await due_aggregations(session, now, limit=50)
    for aggregation_id in due:
        async with sessions.begin() as session:
            await refresh(session, aggregation_id, rules, now)
    return bool(summed or due)
