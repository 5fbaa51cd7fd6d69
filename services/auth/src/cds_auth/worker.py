"""The worker process, consumers and outbox relay: `python -m cds_auth.worker`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

from cds_auth.adapters.registry import Registry
from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.rules import AuthRules
from cds_auth.application.scheduler import run_clock
from cds_auth.events import ROUTERS, customer_jobs
from cds_auth.settings import Settings
from cds_common.events.grants import GrantsHeartbeatV1
from cds_common.relay import Heartbeat
from cds_common.utility import load_utility
from cds_common.worker import Task, WorkerPlan, WorkerState, run_worker


@asynccontextmanager
async def _context(state: WorkerState) -> AsyncIterator[Mapping[str, Any]]:
    """What handlers get besides the common parts."""
    settings = cast("Settings", state.settings)
    utility = load_utility(settings.utility_file)
    yield {"utility": utility, "rules": AuthRules.of(settings, utility), "clients": ClientDirectory(Registry(settings, state.http))}


async def grant_clock(state: WorkerState) -> None:
    """Begins and ends Grants by the clock."""
    settings = cast("Settings", state.settings)
    rules = AuthRules.of(settings, load_utility(settings.utility_file))
    await run_clock(state.sessions, rules, interval_seconds=settings.scheduler_interval.total_seconds())


def _heartbeat(as_of: datetime, _partition: int) -> GrantsHeartbeatV1:
    return GrantsHeartbeatV1(as_of=as_of)


TASKS: tuple[Task, ...] = (grant_clock, *customer_jobs.jobs)
PLAN = WorkerPlan(routers=ROUTERS, tasks=TASKS, heartbeat=Heartbeat("cds.grants", _heartbeat), context=_context)

if __name__ == "__main__":
    run_worker(Settings(), PLAN)  # pyright: ignore[reportCallIssue]  # filled from the environment
