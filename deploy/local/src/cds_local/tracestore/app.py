"""The trace store's HTTP face: OTLP in, JSON and two pages out, on the loopback address only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from cds_local.tracestore.otlp import MAX_BODY_BYTES, BadExport, read_export, unpack
from cds_local.tracestore.scrape import Target, read_forever
from cds_local.tracestore.store import Store
from cds_local.tracestore.tree import placed

_PROTOBUF = "application/x-protobuf"
_SECURITY = {"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'", "X-Content-Type-Options": "nosniff"}


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class Pages:
    """The routes, over one store and the metrics' targets."""

    def __init__(self, store: Store, targets: Mapping[str, Target]) -> None:
        self._store = store
        self._targets = targets
        self._templates = Environment(loader=PackageLoader("cds_local", "resources/tracestore"), autoescape=True)
        self._templates.filters["moment"] = _moment

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/v1/traces", self.receive, methods=["POST"]),
            Route("/api/services", self.services),
            Route("/api/traces", self.traces),
            Route("/api/traces/{trace_id}", self.trace),
            Route("/api/metrics", self.metrics),
            Route("/health/ready", self.ready),
            Route("/", self.list_page),
            Route("/traces/{trace_id}", self.trace_page),
            Route("/metrics-page", self.metrics_page),
            Route("/style.css", self.style),
        ]

    async def receive(self, request: Request) -> Response:
        """Take an export of spans (OTLP/HTTP, protobuf)."""
        if request.headers.get("content-type", "").split(";")[0] != _PROTOBUF:
            return Response(status_code=415)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return Response(status_code=413)
        try:
            self._store.add(read_export(unpack(bytes(body), request.headers.get("content-encoding", ""))))
        except BadExport as error:
            return Response(str(error), status_code=400, media_type="text/plain")
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=_PROTOBUF)

    async def services(self, _request: Request) -> Response:
        """Name the services that sent spans."""
        return JSONResponse(self._store.services())

    async def traces(self, request: Request) -> Response:
        """List the newest traces: `?service=` and `?limit=` (1 to 200, 20 unless given)."""
        limit = request.query_params.get("limit", "20")
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:6]) <= 200:
            return JSONResponse({"error": "limit must be between 1 and 200"}, status_code=400)
        found = self._store.newest(int(limit), request.query_params.get("service") or None)
        return JSONResponse([asdict(summary) for summary in found])

    async def trace(self, request: Request) -> Response:
        """Give the spans of one trace."""
        trace_id: str = request.path_params["trace_id"]
        spans = self._store.trace(trace_id.lower())
        if not spans:
            return JSONResponse({"error": "unknown trace"}, status_code=404)
        return JSONResponse({"trace_id": trace_id.lower(), "spans": [asdict(span) for span in spans]})

    async def metrics(self, _request: Request) -> Response:
        """Give the newest values of every process."""
        return JSONResponse([asdict(target) | {"age": target.age} for target in self._targets.values()])

    async def ready(self, _request: Request) -> Response:
        """Answer when the store can be read."""
        self._store.newest(1)
        return JSONResponse({"status": "ready"})

    async def list_page(self, request: Request) -> Response:
        """Show the newest traces."""
        service = request.query_params.get("service") or None
        return self._page("traces.html", traces=self._store.newest(50, service), services=self._store.services(), chosen=service)

    async def trace_page(self, request: Request) -> Response:
        """Show one trace as a waterfall."""
        trace_id: str = request.path_params["trace_id"]
        rows = placed(self._store.trace(trace_id.lower()))
        return self._page("trace.html", status=200 if rows else 404, trace_id=trace_id, rows=rows)

    async def metrics_page(self, _request: Request) -> Response:
        """Show the newest values of every process."""
        return self._page("metrics.html", targets=self._targets.values())

    async def style(self, _request: Request) -> Response:
        """Give the pages' style sheet."""
        text = self._templates.get_template("style.css").render()
        return Response(text, media_type="text/css", headers=_SECURITY)

    def _page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(template).render(**values), status_code=status, headers=_SECURITY)


def create_app(file: Path, targets: Mapping[str, int], *, limit: int = 200_000, scrape_seconds: float = 5.0) -> Starlette:
    """Build the application.

    Args:
        file: the SQLite file of the spans.
        targets: name and loopback port of each process whose metrics are read.
        limit: how many spans are kept.
        scrape_seconds: the pause between two readings of the metrics.
    """
    store = Store(file, limit)
    read = {name: Target(name, port) for name, port in targets.items()}

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        reading = asyncio.create_task(read_forever(read, scrape_seconds))
        yield
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        store.close()

    # A page of another site must not read this one by a name that it points to the loopback address.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=Pages(store, read).routes(), lifespan=lifespan, middleware=[hosts])
