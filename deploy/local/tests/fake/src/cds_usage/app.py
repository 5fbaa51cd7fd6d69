"""A stand-in for a service: it shows what reaches it and what it was told, and sends one span per request on the caller's trace."""

import os
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


async def _ready(_request: Request) -> Response:
    return JSONResponse({"status": "ready"})


async def _metrics(_request: Request) -> Response:
    return PlainTextResponse("# TYPE standin_requests counter\nstandin_requests_total 7\n")


async def _send_span(traceparent: str) -> None:
    _version, trace_id, parent_id, _flags = traceparent.split("-")
    export: Any = ExportTraceServiceRequest()
    resource_spans = export.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "cds-usage-api"
    span = resource_spans.scope_spans.add().spans.add()
    span.trace_id, span.parent_span_id, span.span_id = bytes.fromhex(trace_id), bytes.fromhex(parent_id), os.urandom(8)
    span.name, span.start_time_unix_nano, span.end_time_unix_nano = "stand-in", 1, 2
    async with httpx.AsyncClient() as client:
        await client.post(
            os.environ["CDS_USAGE_OTLP_ENDPOINT"] + "/v1/traces",
            content=export.SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
        )


async def _show(request: Request) -> Response:
    size = len(await request.body())
    if "traceparent" in request.headers:
        await _send_span(request.headers["traceparent"])
    shown = {"path": request.url.path, "query": request.url.query, "headers": dict(request.headers), "size": size}
    return JSONResponse(shown | {"settings": sorted(name for name in os.environ if name.startswith("CDS_"))})


def create_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/health/ready", _ready),
            Route("/metrics", _metrics),
            Route("/{path:path}", _show, methods=["GET", "POST"]),
        ]
    )
