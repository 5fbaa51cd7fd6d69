"""The worker process, consumers and outbox relay: `python -m cds_registry.worker`."""

from cds_common.worker import WorkerPlan, run_worker
from cds_registry.application.republish import keep_published
from cds_registry.events import ROUTERS
from cds_registry.settings import Settings

PLAN = WorkerPlan(routers=ROUTERS, tasks=(keep_published,))

if __name__ == "__main__":
    run_worker(Settings(), PLAN)  # pyright: ignore[reportCallIssue]  # filled from the environment
