"""The worker process, consumers and outbox relay: `python -m cds_usage.worker`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from cds_common.grant_copy import AccessLogPublisher
from cds_common.worker import WorkerPlan, WorkerState, run_worker
from cds_usage.adapters.utility import read_eac_formats, read_utility
from cds_usage.application.ingest import Ingest
from cds_usage.events import ROUTERS
from cds_usage.persistence.partitions import Partitions
from cds_usage.settings import Settings

_PARTITION_PAUSE_SECONDS = 6 * 3600


@asynccontextmanager
async def _context(state: WorkerState) -> AsyncIterator[Mapping[str, Any]]:
    path = state.settings.utility_config
    calendar, _ = read_utility(path)
    formats = None if path is None else read_eac_formats(path)
    yield {"ingest": Ingest(calendar, Partitions(state.sessions), eac_formats=formats)}


async def make_partitions(state: WorkerState) -> None:
    """Keep the partitions of the coming months ready."""
    partitions = Partitions(state.sessions)
    while True:
        await partitions.ensure_ahead(datetime.now(UTC).date())
        await asyncio.sleep(_PARTITION_PAUSE_SECONDS)


async def publish_access_log(state: WorkerState) -> None:
    """Move the access log to `cds.access`."""
    await AccessLogPublisher(state.sessions, service="usage").run()


PLAN = WorkerPlan(routers=ROUTERS, tasks=(make_partitions, publish_access_log), context=_context)

if __name__ == "__main__":
    run_worker(Settings(), PLAN)  # pyright: ignore[reportCallIssue]  # filled from the environment
