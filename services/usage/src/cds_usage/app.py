"""The HTTP process: `uvicorn --factory cds_usage.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from cds_common.grant_copy import GrantPeers
from cds_common.grant_copy.access_api import access_log_router
from cds_common.http_app import State, common_state, new_app
from cds_common.internal import InternalClient
from cds_usage.adapters.utility import read_utility
from cds_usage.api import eacs, green_button, usage_segments, usage_table
from cds_usage.api.problems import PROBLEMS
from cds_usage.application.list_segments import SegmentReader
from cds_usage.events import ROUTERS
from cds_usage.persistence.series import SeriesKinds
from cds_usage.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; without `settings` they come from the environment."""
    chosen = settings or Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        calendar, formats = read_utility(chosen.utility_config)
        async with common_state(chosen) as state:
            peers = GrantPeers(
                auth=InternalClient(chosen, service="auth", base_url=chosen.auth_internal_url, http=state["http"]),
                accounts=InternalClient(chosen, service="accounts", base_url=chosen.accounts_internal_url, http=state["http"]),
            )
            yield state | {"peers": peers, "reader": SegmentReader(calendar, formats, SeriesKinds())}

    app = new_app(chosen, lifespan=lifespan, problem_table=PROBLEMS, event_routers=ROUTERS)
    app.include_router(usage_segments.router)
    app.include_router(eacs.router)
    for module in (green_button, usage_table):
        app.include_router(module.router)
    app.include_router(access_log_router())
    return app
