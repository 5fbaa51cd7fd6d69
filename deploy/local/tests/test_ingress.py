"""The ingress leads public paths to their service, keeps private ones and oversized requests out, and traces without queries."""

import gzip
import json
import secrets
import socket
import time
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation.utils import suppress_http_instrumentation

from cds_local.stack import LocalStack

pytestmark = pytest.mark.slow


@pytest.fixture
def client(stack: LocalStack):
    # Other tests of this process may have started a service in it, whose instrumentation writes a `traceparent` into every request.
    with suppress_http_instrumentation(), httpx.Client(base_url=stack.public_url) as client:
        yield client


def _raw(stack: LocalStack, path: str) -> tuple[int, str]:
    """Ask for a path as it is: clients tidy paths before they send them."""
    with socket.create_connection(("127.0.0.1", stack.ports["ingress"]), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_public_path_reaches_its_service(client: httpx.Client) -> None:
    shown = client.get("/cds/v1/usage-segments?accounts=a%20b").json()
    assert shown["path"] == "/cds/v1/usage-segments"
    assert shown["query"] == "accounts=a%20b"
    assert shown["headers"]["x-request-id"]


@pytest.mark.parametrize(
    "path",
    ["/internal/grants", "/metrics", "/health/ready", "/health/live", "/healthz", "/cds/v1/usage-segmentsx", "/no/such", "/favicon.ico"],
)
def test_other_path_is_a_problem_document(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/cds/v1/usage-segments/../../../internal/grants", 404),
        ("/cds/v1/usage-segments/%2e%2e/%2e%2e/%2e%2e/internal/grants", 404),
        ("/cds/v1/usage-segments/..%2f..%2f..%2finternal/grants", 400),
        ("/cds/v1/usage-segments/..%5c..%5cinternal", 400),
        ("//internal/grants", 404),
    ],
)
def test_no_spelling_of_a_path_reaches_a_private_one(stack: LocalStack, path: str, status: int) -> None:
    assert _raw(stack, path)[0] == status


def test_service_that_does_not_run_is_503_without_details(client: httpx.Client) -> None:
    answer = client.get("/cds/v1/bill-statements")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The service doesn't answer at the moment."


def test_body_over_16_mib_is_refused(client: httpx.Client) -> None:
    assert client.post("/cds/v1/eacs", content=b"x" * (16 * 1024 * 1024)).json()["size"] == 16 * 1024 * 1024
    assert client.post("/cds/v1/eacs", content=b"x" * (16 * 1024 * 1024 + 1)).status_code == 413


def test_long_filters_pass_and_longer_headers_are_refused(client: httpx.Client) -> None:
    assert client.get("/cds/v1/eacs", params={"ids": "x" * 40_000}).status_code == 200
    assert client.get("/cds/v1/eacs", headers={"x-long": "x" * 70_000}).status_code == 431


def test_client_cannot_name_hosts_or_request_ids_for_the_services(client: httpx.Client) -> None:
    sent = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example", "x-request-id": "mine", "x-envoy-max-retries": "9"}
    shown = client.get("/cds/v1/eacs", headers=sent).json()["headers"]
    assert "x-forwarded-host" not in shown
    assert "forwarded" not in shown
    assert "x-envoy-max-retries" not in shown
    assert shown["x-request-id"] != "mine"


def _spans(stack: LocalStack, trace_id: str, wanted: int) -> list[dict[str, Any]]:
    address = f"http://127.0.0.1:{stack.ports['traces']}/api/traces/{trace_id}"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        answer = httpx.get(address)
        if answer.status_code == 200 and len(answer.json()["spans"]) >= wanted:
            return answer.json()["spans"]
        time.sleep(0.2)
    raise AssertionError(f"trace {trace_id} did not come")


def test_caller_decides_whether_its_trace_is_recorded_and_else_the_share_does(client: httpx.Client) -> None:
    def passed_on(**headers: str) -> list[str]:
        shown = client.get("/cds/v1/usage-segments", headers=headers).json()
        return shown["headers"]["traceparent"].split("-")

    for flag in ("00", "01"):
        trace_id = secrets.token_hex(16)
        told = passed_on(traceparent=f"00-{trace_id}-00f067aa0ba902b7-{flag}")
        assert (told[1], told[3]) == (trace_id, flag)
    assert passed_on()[3] == "00"  # this stack records nothing by itself


def test_one_trace_holds_ingress_and_service_but_no_query(client: httpx.Client, stack: LocalStack) -> None:
    trace_id = secrets.token_hex(16)
    asked = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    client.get("/cds/v1/usage-segments", params={"code": "s3cret-code"}, headers=asked)
    spans = _spans(stack, trace_id, 2)
    assert {span["service"] for span in spans} == {"ingress", "cds-usage-api"}
    ingress = next(span for span in spans if span["service"] == "ingress")
    service = next(span for span in spans if span["service"] == "cds-usage-api")
    assert service["parent_id"] == ingress["span_id"]
    assert ingress["attributes"]["url.path"] == "/cds/v1/usage-segments"
    assert "s3cret-code" not in json.dumps(spans)


def test_access_log_holds_neither_query_nor_address(client: httpx.Client, stack: LocalStack) -> None:
    request_id = client.get("/cds/v1/eacs", params={"state": "s3cret-state"}).headers["x-request-id"]
    log = stack.layout.logs / "access.log"
    until = time.monotonic() + 60
    while request_id not in log.read_text() and time.monotonic() < until:
        time.sleep(0.2)
    line = next(json.loads(line) for line in log.read_text().splitlines() if request_id in line)
    assert (line["path"], line["status"], line["service"]) == ("/cds/v1/eacs", 200, "usage")
    assert "s3cret-state" not in log.read_text()
    assert "127.0.0.1" not in log.read_text()


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("zstd;q=0.2, gzip;q=0.9", "gzip"), ("identity", None), ("br", None)],
)
def test_data_comes_in_the_coding_that_the_client_accepts(client: httpx.Client, accepted: str, coding: str | None) -> None:
    plain = client.get("/cds/v1/usage-segments", params={"pad": "x" * 3000}, headers={"accept-encoding": "identity"})
    with client.stream("GET", "/cds/v1/usage-segments", params={"pad": "x" * 3000}, headers={"accept-encoding": accepted}) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == coding
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert (len(sent) < len(plain.content) / 3) is (coding is not None)
    if coding == "gzip":
        assert json.loads(gzip.decompress(sent))["query"] == json.loads(plain.content)["query"]
    elif coding == "zstd":
        assert sent.startswith(b"\x28\xb5\x2f\xfd")
