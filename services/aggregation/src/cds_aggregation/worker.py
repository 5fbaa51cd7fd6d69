"""The worker process, consumers and outbox relay: `python -m cds_aggregation.worker`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cds_aggregation.adapters.utility import read_rules
from cds_aggregation.application.keep_sums import keep_sums
from cds_aggregation.events import ROUTERS
from cds_aggregation.persistence.partitions import Partitions
from cds_aggregation.settings import Settings
from cds_common.grant_copy import AccessLogPublisher
from cds_common.worker import WorkerPlan, WorkerState, run_worker


@asynccontextmanager
async def _context(state: WorkerState) -> AsyncIterator[Mapping[str, Any]]:
    yield {"rules": read_rules(state.settings.utility_config), "partitions": Partitions(state.sessions)}


async def keep_up(state: WorkerState) -> None:
    """Sums and evaluations."""
    await keep_sums(state.sessions, read_rules(state.settings.utility_config))


async def publish_access_log(state: WorkerState) -> None:
    """Move the access log to `cds.access`."""
    await AccessLogPublisher(state.sessions, service="aggregation").run()


PLAN = WorkerPlan(routers=ROUTERS, tasks=(keep_up, publish_access_log), context=_context)

if __name__ == "__main__":
    run_worker(Settings(), PLAN)  # pyright: ignore[reportCallIssue]  # filled from the environment
