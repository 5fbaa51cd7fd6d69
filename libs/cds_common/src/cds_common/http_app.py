"""The frame of every api process: state, error answers, probes, documents."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from faststream.kafka import KafkaRouter
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_common import db, exact_json, telemetry
from cds_common.collector import calm_collector
from cds_common.data_answers import CustomerDataAnswers
from cds_common.errors import DomainError
from cds_common.health import Check, database_check, health_router
from cds_common.hot_sql import Lanes
from cds_common.http_metrics import HttpMetrics
from cds_common.internal import build_http
from cds_common.kafka import asyncapi_document
from cds_common.oauth_errors import install_oauth_handlers
from cds_common.problems import ProblemType, install_problem_handlers
from cds_common.rate_limits import ApiLimits
from cds_common.route_plan import PlannedRoutes
from cds_common.settings import CommonSettings
from cds_common.tokens import TokenVerifier

MAX_BODY_BYTES = 1024 * 1024

State = dict[str, Any]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[State]]


@asynccontextmanager
async def common_state(settings: CommonSettings) -> AsyncIterator[State]:
    """What every request of a service finds in `request.state`: settings, engine, sessions, http, tokens, api_limits."""
    calm_collector()
    engine = db.create_engine(settings, process="api")
    lanes = Lanes(engine, most=max(1, settings.db_pool_size // 4))
    http: httpx.AsyncClient = build_http()
    try:
        yield {
            "settings": settings,
            "engine": engine,
            "sessions": db.create_sessions(engine, lanes),
            "http": http,
            "tokens": TokenVerifier(settings, http),
            "api_limits": ApiLimits.of(settings),
        }
    finally:
        await http.aclose()
        await lanes.close()
        await engine.dispose()


def new_app(
    settings: CommonSettings,
    *,
    lifespan: Lifespan,
    problem_table: Mapping[type[DomainError], ProblemType],
    event_routers: Iterable[KafkaRouter] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
    body_limits: Mapping[str, int] | None = None,
) -> FastAPI:
    """An application with error answers, probes, `/openapi/<service>.json` and `/asyncapi/<service>.json`; the caller adds its routers.

    `body_limits` allows more bytes than `max_body_bytes` below a path (`{"/cds/v1/files": 16 * 1024 * 1024}`).
    """
    telemetry.set_up(settings, "api")
    app = FastAPI(
        title=f"cds-server {settings.service}",
        version="1",
        lifespan=lifespan,
        openapi_url=f"/openapi/{settings.service}.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        telemetry=telemetry.ONE_INSTRUMENTATION,
    )
    install_problem_handlers(app, public_url=settings.public_url, table=problem_table)
    install_oauth_handlers(app)
    app.include_router(health_router(_checks))
    document = exact_json.encode(asyncapi_document(settings, event_routers))

    @app.get(f"/asyncapi/{settings.service}.json", include_in_schema=False)
    async def asyncapi() -> Response:
        return Response(document, media_type="application/json")

    app.add_middleware(PlannedRoutes, application=app)
    app.add_middleware(CustomerDataAnswers)
    app.add_middleware(BodyLimit, default=max_body_bytes, limits=body_limits or {})
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HttpMetrics, service=settings.service)
    app.add_middleware(HeadAsGet)
    telemetry.instrument_app(app)
    return app


def _checks(request: Request) -> Mapping[str, Check]:
    engine: AsyncEngine = request.state.engine
    return {"database": database_check(engine)}


class BodyLimit:
    """Refuses a request body of more bytes than its path allows, as soon as that shows."""

    def __init__(self, app: ASGIApp, *, default: int, limits: Mapping[str, int]) -> None:
        self._app, self._default, self._limits = app, default, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is read; a request whose body nobody reads is left alone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((size for path, size in self._limits.items() if scope["path"].startswith(path)), self._default)
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > limit or (declared.isdigit() and int(declared) > limit):
                raise HTTPException(413, f"more than {limit} bytes")
            return message

        await self._app(scope, counted, send)


class HeadAsGet:
    """HEAD wherever there is GET (RFC 9110 §9.1): the same answer, whose body the HTTP server leaves out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application sees GET; the server outside of it still knows that this is HEAD."""
        await self._app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)


class SecurityHeaders:
    """Headers that hold for every answer; pages add their own policy (`cds_common.html`)."""

    _HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add what the answer itself does not set."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in self._HEADERS if pair[0] not in present)]
            await send(message)

        await self._app(scope, receive, with_headers)
