"""The HTTP process: `uvicorn --factory cds_aggregation.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from cds_aggregation.adapters.utility import read_rules
from cds_aggregation.api import aggregations
from cds_aggregation.api.problems import PROBLEMS
from cds_aggregation.events import ROUTERS
from cds_aggregation.settings import Settings
from cds_common.grant_copy import GrantPeers
from cds_common.grant_copy.access_api import access_log_router
from cds_common.http_app import State, common_state, new_app
from cds_common.internal import InternalClient


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; without `settings` they come from the environment."""
    chosen = settings or Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        rules = read_rules(chosen.utility_config)
        async with common_state(chosen) as state:
            peers = GrantPeers(
                auth=InternalClient(chosen, service="auth", base_url=chosen.auth_internal_url, http=state["http"]),
                accounts=InternalClient(chosen, service="accounts", base_url=chosen.accounts_internal_url, http=state["http"]),
            )
            yield state | {"peers": peers, "rules": rules}

    app = new_app(chosen, lifespan=lifespan, problem_table=PROBLEMS, event_routers=ROUTERS)
    app.include_router(aggregations.router)
    app.include_router(access_log_router())
    return app
