"""The HTTP process: `uvicorn --factory cds_auth.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from cds_auth.adapters.access_logs import AccessLogs
from cds_auth.adapters.accounts import Accounts
from cds_auth.adapters.registry import Registry
from cds_auth.api import access_log, grants, internal, introspect, jwks, operator, par, revoke, token
from cds_auth.api.pages import mount
from cds_auth.api.pages import routers as page_routers
from cds_auth.api.problems import PROBLEMS
from cds_auth.application.access_tokens import AccessTokens
from cds_auth.application.client_authentication import ClientAuthenticator
from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.own_keys import OwnKeysVerifier
from cds_auth.application.rate_limit import AuthenticationLimits, RateLimiter
from cds_auth.application.repeated_requests import RepeatedRequests
from cds_auth.application.rules import AuthRules
from cds_auth.application.signing_keys import KeyRing
from cds_auth.application.token_endpoint import TokenEndpoint
from cds_auth.events import ROUTERS
from cds_auth.settings import Settings
from cds_common.http_app import State, common_state, new_app
from cds_common.utility import Utility, load_utility

CORE = (
    token.router,
    par.router,
    revoke.router,
    introspect.router,
    jwks.router,
    grants.router,
    internal.router,
    operator.router,
    access_log.router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; without `settings` they come from the environment."""
    chosen = settings or Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment
    utility = load_utility(chosen.utility_file)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with common_state(chosen) as state:
            yield state | core_state(chosen, utility, state)

    app = new_app(chosen, lifespan=lifespan, problem_table=PROBLEMS, event_routers=ROUTERS)
    for router in (*CORE, *page_routers):
        app.include_router(router)
    mount(app, chosen)
    return app


def core_state(settings: Settings, utility: Utility, common: State) -> State:
    """What the endpoints of this service find in `request.state` besides the common parts."""
    rules = AuthRules.of(settings, utility)
    registry = Registry(settings, common["http"])
    clients = ClientDirectory(registry)
    keys = KeyRing(settings, common["sessions"])
    tokens = AccessTokens(keys, rules)
    authenticator = ClientAuthenticator(clients, rules, AuthenticationLimits(settings.failed_authentications))
    limiter = RateLimiter(per_second=settings.requests_per_second, burst=2 * settings.requests_per_second)
    return {
        "utility": utility,
        "rules": rules,
        "clients": clients,
        "registry": registry,
        "keys": keys,
        "tokens": OwnKeysVerifier(settings, common["http"], keys),
        "authenticator": authenticator,
        "token_endpoint": TokenEndpoint(
            authenticator, tokens, rules, limiter, RepeatedRequests(common["engine"], tokens), Accounts(settings, common["http"])
        ),
        "limiter": limiter,
        "access_logs": AccessLogs(settings, common["http"]),
        "operator_limits": AuthenticationLimits(settings.failed_authentications),
    }
