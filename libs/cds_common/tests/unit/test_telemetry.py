"""What logs and traces must not hold, and what they must."""

import json
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from cds_common import telemetry
from libs.cds_common.tests.conftest import sample_settings


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "password",
        "client_secret",
        "access_token",
        "refresh_token",
        "code",
        "code_verifier",
        "email",
        "customer_email",
        "cookie",
        "phone",
    ],
)
def test_value_of_a_telling_key_is_hidden_at_every_depth(key: str) -> None:
    entry: dict[str, Any] = {"event": "x", key: "hunter2", "inner": {key: ["hunter2"], "list": [{key: "hunter2"}]}}
    assert "hunter2" not in str(telemetry.redact(None, "info", entry))


def test_bearer_in_free_text_is_hidden_and_other_keys_stay() -> None:
    entry = telemetry.redact(
        None, "info", {"event": "sent Authorization: Bearer abcdef0123456789", "topic": "cds.grants", "error_type": "KeyError"}
    )
    assert "abcdef" not in entry["event"]
    assert (entry["topic"], entry["error_type"]) == ("cds.grants", "KeyError")


def test_log_line_is_json_with_service_and_trace(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.set_up(sample_settings(), "api")
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        structlog.get_logger("test").warning("something", grant_id="g-1", password="hunter2")
    line = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (line["event"], line["service"], line["level"], line["grant_id"]) == ("something", "cds-sample-api", "warning", "g-1")
    assert line["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert line["password"] == "[redacted]"


@pytest.fixture
def spans() -> tuple[TracerProvider, InMemorySpanExporter]:
    provider, exporter = TracerProvider(sampler=ParentBased(ALWAYS_ON)), InMemorySpanExporter()
    provider.add_span_processor(telemetry._TextAttributes())
    provider.add_span_processor(telemetry._NoQueryStrings())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def test_bytes_become_text_and_query_strings_go(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    attributes: dict[str, Any] = {
        "messaging.kafka.message.key": b"g-1",
        "http.url": "http://h/authorize?code=1",
        "url.query": "code=1",
        "http.target": "/a?state=2",
    }
    with provider.get_tracer("t").start_as_current_span("s", attributes=attributes):
        pass
    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {
        "messaging.kafka.message.key": "g-1",
        "http.url": "http://h/authorize",
        "url.query": "",
        "http.target": "/a",
    }


def test_untraced_work_makes_no_spans(spans: tuple[TracerProvider, InMemorySpanExporter]) -> None:
    provider, exporter = spans
    with telemetry.untraced(), provider.get_tracer("t").start_as_current_span("poll"):
        pass
    assert exporter.get_finished_spans() == ()
