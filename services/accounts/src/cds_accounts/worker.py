"""The worker process, consumers and outbox relay: `python -m cds_accounts.worker`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cds_accounts.events import ROUTERS
from cds_accounts.events.refresher import refresh_for_ever
from cds_accounts.settings import Settings
from cds_common.grant_copy import AccessLogPublisher
from cds_common.worker import WorkerPlan, WorkerState, run_worker


@asynccontextmanager
async def _shared(_state: WorkerState) -> AsyncIterator[Mapping[str, Any]]:
    yield {"wake": asyncio.Event()}


async def publish_access_log(state: WorkerState) -> None:
    """Publish who read what."""
    await AccessLogPublisher(state.sessions, service="accounts").run()


PLAN = WorkerPlan(routers=ROUTERS, tasks=(refresh_for_ever, publish_access_log), context=_shared)

if __name__ == "__main__":
    run_worker(Settings(), PLAN)  # pyright: ignore[reportCallIssue]  # filled from the environment
