"""The trace store takes what OpenTelemetry sends, keeps no secrets of addresses, stays within its size and shows traces safely."""

import gzip
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from rich.console import Console

from cds_local.cli import trace_tree
from cds_local.tracestore.app import create_app
from cds_local.tracestore.otlp import MAX_BODY_BYTES, BadExport, Span, read_export, unpack
from cds_local.tracestore.scrape import Sample, read_samples
from cds_local.tracestore.store import Store
from cds_local.tracestore.tree import placed

_PROTOBUF = {"content-type": "application/x-protobuf"}
TRACE = "0123456789abcdef0123456789abcdef"


def a_span(span_id: str = "00000000000000aa", parent_id: str = "", **changed: Any) -> Span:
    values: dict[str, Any] = {
        "trace_id": TRACE,
        "service": "cds-usage-api",
        "name": "GET",
        "kind": "server",
        "start_ns": 1_000,
        "end_ns": 5_000,
    }
    values |= {"error": None, "attributes": {}, "events": []}
    return Span(**values | changed | {"span_id": span_id, "parent_id": parent_id})


def an_export(name: str = "GET /x", trace_id: bytes = bytes.fromhex(TRACE), **attributes: str | bytes | int) -> bytes:
    request: Any = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "cds-usage-api"
    span: WireSpan = resource_spans.scope_spans.add().spans.add(name=name, trace_id=trace_id, span_id=b"\x01" * 8)
    span.kind = WireSpan.SPAN_KIND_SERVER
    span.start_time_unix_nano, span.end_time_unix_nano = 1_790_000_000_000_000_000, 1_790_000_000_250_000_000
    for key, value in attributes.items():
        target: Any = span.attributes.add(key=key.replace("__", ".")).value
        field = "bytes_value" if isinstance(value, bytes) else "int_value" if isinstance(value, int) else "string_value"
        setattr(target, field, value)
    return request.SerializeToString()


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(tmp_path / "traces.sqlite", {}, limit=100)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


class TestReading:
    def test_span_is_read_with_its_service_and_times(self) -> None:
        (span,) = read_export(an_export(http__status_code=200))
        assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, "01" * 8, "")
        assert (span.service, span.name, span.kind, span.error) == ("cds-usage-api", "GET /x", "server", None)
        assert span.end_ns - span.start_ns == 250_000_000
        assert span.attributes == {"http.status_code": 200}

    def test_query_of_an_address_is_dropped(self) -> None:
        (span,) = read_export(an_export(http__url="http://h/p?code=s3cret#f", url__query="code=s3cret", http__target="/p?code=s3cret"))
        assert span.attributes == {"http.url": "http://h/p", "http.target": "/p"}

    def test_bytes_are_shown_as_text(self) -> None:
        (span,) = read_export(an_export(messaging__kafka__message__key=b"grant-1\xff"))
        assert span.attributes == {"messaging.kafka.message.key": "grant-1\ufffd"}

    def test_span_without_a_valid_id_is_left_out(self) -> None:
        assert read_export(an_export(trace_id=b"short")) == []

    def test_other_bytes_are_refused(self) -> None:
        with pytest.raises(BadExport):
            read_export(b"\xff\xff\xff")

    def test_gzip_is_unpacked_within_its_limit(self) -> None:
        assert unpack(gzip.compress(b"abc"), "gzip") == b"abc"
        with pytest.raises(BadExport, match="16 MiB"):
            unpack(gzip.compress(b"\0" * (MAX_BODY_BYTES + 1)), "gzip")
        with pytest.raises(BadExport, match="broken"):
            unpack(b"not gzip", "gzip")
        with pytest.raises(BadExport, match="isn't supported"):
            unpack(b"", "br")


class TestStore:
    def test_oldest_spans_go_when_it_is_full(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "t.sqlite", limit=10)
        for number in range(25):
            store.add([a_span(f"{number:016x}", trace_id=f"{number:032x}")])
        assert [int(trace.trace_id, 16) for trace in store.newest(100)] == list(range(24, 14, -1))
        store.close()

    def test_span_sent_twice_is_kept_once(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "t.sqlite")
        store.add([a_span()])
        store.add([a_span(name="again")])
        assert [span.name for span in store.trace(TRACE)] == ["again"]
        store.close()

    def test_spans_survive_a_restart(self, tmp_path: Path) -> None:
        first = Store(tmp_path / "t.sqlite")
        first.add([a_span(attributes={"a": [1, None, "x"]})])
        first.close()
        second = Store(tmp_path / "t.sqlite")
        assert second.trace(TRACE) == [a_span(attributes={"a": [1, None, "x"]})]
        second.close()

    def test_time_beyond_what_sqlite_holds_does_not_stop_an_export(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "t.sqlite")
        store.add([a_span(end_ns=2**64 - 1)])
        assert store.trace(TRACE)[0].end_ns == 2**63 - 1
        store.close()

    def test_summary_names_the_root_and_counts(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "t.sqlite")
        child = a_span("bb", "aa", name="SELECT", start_ns=2_000, end_ns=1_001_000, error="refused")
        store.add([child, a_span("aa", "", service="ingress", name="GET")])
        (summary,) = store.newest(10)
        assert (summary.name, summary.services, summary.spans, summary.errors) == ("ingress: GET", ["cds-usage-api", "ingress"], 2, 1)
        assert summary.duration_ms == 1.0
        assert store.newest(10, "ingress") == [summary]
        assert store.newest(10, "other") == []
        store.close()


class TestTree:
    def test_children_follow_their_parent_by_start(self) -> None:
        spans = [a_span("c", "a", start_ns=3_000), a_span("b", "a", start_ns=2_000), a_span("d", "b", start_ns=2_500), a_span("a")]
        assert [(row.span.span_id, row.depth) for row in placed(spans)] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]

    def test_span_without_its_parent_stands_as_a_root(self) -> None:
        assert [(row.span.span_id, row.depth) for row in placed([a_span("b", "never-came")])] == [("b", 0)]

    def test_spans_that_are_each_others_parents_are_all_shown(self) -> None:
        rows = placed([a_span("a", "b"), a_span("b", "a"), a_span("c", "c")])
        assert sorted(row.span.span_id for row in rows) == ["a", "b", "c"]

    def test_place_is_a_part_of_the_whole(self) -> None:
        root, child = placed([a_span("a", start_ns=0, end_ns=100), a_span("b", "a", start_ns=25, end_ns=75)])
        assert (root.offset, root.width, child.offset, child.width) == (0.0, 1.0, 0.25, 0.5)

    def test_terminal_shows_depth_time_and_error(self) -> None:
        console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        spans = [
            a_span("a", service="ingress", end_ns=2_001_000),
            a_span("b", "a", start_ns=2_000, end_ns=502_000, name="[x]", error="boom"),
        ]
        console.print(trace_tree(TRACE, spans))
        lines = console.export_text().splitlines()
        assert lines[1].strip() == "└── ingress GET 2.00 ms"
        assert lines[2].strip() == "└── cds-usage-api [x] 0.50 ms boom"
        assert lines[2].index("└") > lines[1].index("└")


class TestHttp:
    async def test_export_can_be_asked_for_by_its_trace(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/traces", content=gzip.compress(an_export()), headers=_PROTOBUF | {"content-encoding": "gzip"})
        assert answer.status_code == 200
        trace = (await client.get(f"/api/traces/{TRACE.upper()}")).json()
        assert [span["name"] for span in trace["spans"]] == ["GET /x"]
        assert (await client.get("/api/services")).json() == ["cds-usage-api"]
        assert [trace["trace_id"] for trace in (await client.get("/api/traces?service=cds-usage-api&limit=1")).json()] == [TRACE]

    async def test_unknown_trace_is_404(self, client: httpx.AsyncClient) -> None:
        assert (await client.get(f"/api/traces/{TRACE}")).status_code == 404
        assert (await client.get(f"/traces/{TRACE}")).status_code == 404

    @pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "9999999999999999999999"])
    async def test_limit_out_of_range_is_400(self, client: httpx.AsyncClient, limit: str) -> None:
        assert (await client.get("/api/traces", params={"limit": limit})).status_code == 400

    async def test_other_bodies_are_refused(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/traces", content=b"{}", headers={"content-type": "application/json"})).status_code == 415
        assert (await client.post("/v1/traces", content=b"\xff\xff\xff", headers=_PROTOBUF)).status_code == 400
        assert (await client.post("/v1/traces", content=b"\0" * (MAX_BODY_BYTES + 1), headers=_PROTOBUF)).status_code == 413

    async def test_other_host_names_are_refused(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/", headers={"host": "evil.example"})).status_code == 400

    async def test_names_from_spans_cannot_become_markup(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/traces", content=an_export("<script>alert(1)</script>", note="<b>"), headers=_PROTOBUF)
        for page in ("/", f"/traces/{TRACE}"):
            answer = await client.get(page)
            assert "&lt;script&gt;" in answer.text
            assert "<script>" not in answer.text
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")


class TestMetrics:
    def test_values_are_read_without_buckets_and_numbers_that_json_lacks(self) -> None:
        text = (
            '# TYPE a counter\na_total{x="1"} 3\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 2\nh_sum 4\nh_count 2\ng NaN\n'
        )
        assert read_samples(text) == [Sample("a_total", {"x": "1"}, 3.0), Sample("h_sum", {}, 4.0), Sample("h_count", {}, 2.0)]

    def test_oversized_document_is_refused(self) -> None:
        with pytest.raises(ValueError, match="2 MiB"):
            read_samples("#" * (2 * 1024 * 1024 + 1))


def test_file_holds_spans_only_as_long_as_the_limit(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.sqlite", limit=3)
    store.add([a_span(f"{number:016x}") for number in range(10)])
    store.close()
    with sqlite3.connect(tmp_path / "t.sqlite") as database:
        assert database.execute("select count(*) from span").fetchone() == (3,)
