"""The HTTP process: `uvicorn --factory cds_accounts.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from cds_accounts.adapters.peers import AccountsPeers
from cds_accounts.api import accounts, internal, meter_devices, retail_customers, service_contracts, service_points
from cds_accounts.api.problems import PROBLEMS
from cds_accounts.application.entitlements import read_entitlements
from cds_accounts.events import ROUTERS
from cds_accounts.settings import Settings
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.grant_copy import GrantReader
from cds_common.grant_copy.access_api import access_log_router
from cds_common.http_app import State, common_state, new_app
from cds_common.internal import InternalClient

_API = (accounts, service_contracts, service_points, meter_devices, retail_customers, internal)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; without `settings` they come from the environment."""
    chosen = settings or Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with common_state(chosen) as state:
            yield {**state, "peers": _peers(chosen, state)}

    app = new_app(chosen, lifespan=lifespan, problem_table=PROBLEMS, event_routers=ROUTERS)
    for module in _API:
        app.include_router(module.router)
    app.include_router(access_log_router())
    return app


def _peers(settings: Settings, state: State) -> AccountsPeers:
    async def resolve(grant: GrantPublishedV1) -> EntitlementsResolvedV1 | None:
        # Own transaction: what was resolved stays, also when the request that asked for it is refused.
        async with state["sessions"].begin() as session:
            return await read_entitlements(session, grant, zone=settings.zone(), now=datetime.now(UTC))

    auth = InternalClient(settings, service="auth", base_url=settings.auth_internal_url, http=state["http"])
    return AccountsPeers(GrantReader(auth), resolve)
