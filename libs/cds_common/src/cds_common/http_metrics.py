"""How often and how fast each route answers, for Prometheus; routes by their template, never by an id."""

import time

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Histogram(
    "cds_http_request_seconds",
    "Time from the request to the first byte of the answer",
    ["service", "method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """Observes every answer. Labels are bounded: unknown paths and methods share one."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure until the answer starts; a stream's length says more about the client."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "(unknown)")
                method = scope["method"] if scope["method"] in _METHODS else "(unknown)"
                labels = REQUESTS.labels(self._service, method, route, str(message["status"]))
                labels.observe(time.perf_counter() - started)
            await send(message)

        await self._app(scope, receive, observed)
