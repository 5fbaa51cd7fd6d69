"""What the trace of a request shows, and what it must not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Response
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cds_common.http_app import common_state, new_app
from cds_common.internal import build_http
from cds_common.testing.app import application
from cds_common.wire import cds_router
from libs.cds_common.tests.conftest import SampleSettings

router = cds_router(prefix="/traced")


@router.get("/{thing_id}")
async def thing(thing_id: str) -> Response:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _request: httpx.Response(200))) as peer:
        await peer.get("http://peer.example/internal/things?code=hunter2")
    return Response(thing_id)


@router.get("/current/context")
async def context() -> Response:
    """The trace id for logs and events, and what a peer is told by `build_http`."""
    told = dict[str, str]()

    def peer(request: httpx.Request) -> httpx.Response:
        told.update(request.headers)
        return httpx.Response(200)

    http = build_http()
    async with httpx.AsyncClient(transport=httpx.MockTransport(peer), event_hooks=http.event_hooks) as client:
        await client.get("http://peer.example/internal/things")
    await http.aclose()
    return Response(f"{trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)} {told.get('traceparent')}")


@pytest.fixture
async def client(settings: SampleSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    async with application(app) as client:
        yield client


@pytest.fixture
def exporter(client: httpx.AsyncClient) -> InMemorySpanExporter:
    provider, exporter = trace.get_tracer_provider(), InMemorySpanExporter()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


async def test_request_is_one_trace_by_route_without_query_strings(client: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    await client.get(
        "/traced/4711?state=hunter2", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "authorization": "Bearer hunter2"}
    )
    spans = [span for span in exporter.get_finished_spans() if span.context and trace.format_trace_id(span.context.trace_id) == trace_id]
    assert "GET /traced/{thing_id}" in [span.name for span in spans]
    assert not [span.name for span in spans if span.name.endswith((" http send", " http receive"))]
    assert "hunter2" not in str([dict(span.attributes or {}) for span in exporter.get_finished_spans()])


async def test_request_of_a_trace_that_is_not_recorded_leaves_no_span_yet_names_it_onwards(
    client: httpx.AsyncClient, exporter: InMemorySpanExporter
) -> None:
    trace_id = "5bf92f3577b34da6a3ce929d0e0e4737"
    answer = await client.get("/traced/current/context", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-00"})
    assert answer.text == f"{trace_id} 00-{trace_id}-00f067aa0ba902b7-00"
    assert exporter.get_finished_spans() == ()


async def test_request_has_no_second_set_of_spans(client: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    await client.get("/traced/4711", headers={"traceparent": "00-6bf92f3577b34da6a3ce929d0e0e4738-00f067aa0ba902b7-01"})
    assert [span.name for span in exporter.get_finished_spans()] == ["GET /traced/{thing_id}"]


async def test_probes_leave_no_spans(client: httpx.AsyncClient, exporter: InMemorySpanExporter) -> None:
    await client.get("/health/live")
    await client.get("/metrics")
    assert [span.name for span in exporter.get_finished_spans() if "health" in span.name or "metrics" in span.name] == []
