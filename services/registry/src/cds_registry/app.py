"""The HTTP process: `uvicorn --factory cds_registry.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from cds_common.http_app import State, common_state, new_app
from cds_registry.api import (
    clients,
    coverage,
    credentials,
    docs,
    files,
    internal,
    messages,
    metadata,
    operator_clients,
    operator_keys,
    operator_pages,
    operator_registrations,
    operator_requests,
    operator_session,
    registration,
    registration_page,
    static,
)
from cds_registry.api.body_sizes import LARGE
from cds_registry.api.error_pages import install_error_pages
from cds_registry.api.problems import PROBLEMS, install_registration_errors
from cds_registry.api.rate_limits import RateLimit
from cds_registry.api.state import registry_state
from cds_registry.events import ROUTERS
from cds_registry.settings import Settings

MODULES = (
    metadata, coverage, registration, clients, credentials, messages, files, operator_requests, operator_clients, internal, docs,
    registration_page, operator_session, operator_registrations, operator_keys, operator_pages, static,
)  # fmt: skip


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; without `settings` they come from the environment."""
    chosen = settings or Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with common_state(chosen) as state:
            yield state | registry_state(chosen, state["http"])

    app = new_app(chosen, lifespan=lifespan, problem_table=PROBLEMS, event_routers=ROUTERS, max_body_bytes=LARGE)
    install_registration_errors(app)
    install_error_pages(app)
    app.add_exception_handler(operator_session.LoginNeeded, operator_session.to_login)
    for module in MODULES:
        app.include_router(module.router)
    app.add_middleware(RateLimit)
    return app
