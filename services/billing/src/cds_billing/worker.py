"""The worker process, consumers and outbox relay: `python -m cds_billing.worker`."""

from cds_billing.events import ROUTERS
from cds_billing.settings import Settings
from cds_common.grant_copy import AccessLogPublisher
from cds_common.worker import WorkerPlan, WorkerState, run_worker


async def publish_access_log(state: WorkerState) -> None:
    """Move the access log to `cds.access`."""
    await AccessLogPublisher(state.sessions, service="billing").run()


PLAN = WorkerPlan(routers=ROUTERS, tasks=(publish_access_log,))

if __name__ == "__main__":
    run_worker(Settings(), PLAN)  # pyright: ignore[reportCallIssue]  # filled from the environment
