"""The journey of a client that nobody has met, chapter by chapter, against the whole system on real parts; then its traces."""

from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cds_cli.journey.story import CHAPTERS, Story
from cds_cli.journey.wire import Exchange
from cds_cli.main import app
from cds_local.stack import LocalStack
from tests.e2e.support import until

pytestmark = [pytest.mark.slow]

Span = dict[str, Any]


@pytest.fixture(scope="module")
def ended() -> list[str]:
    """Titles of chapters that failed: later ones need them and are not judged."""
    return []


@pytest.mark.parametrize(("title", "chapter"), CHAPTERS, ids=[chapter.__name__ for _, chapter in CHAPTERS])
def test_chapter(story: Story, title: str, chapter: Any, ended: list[str]) -> None:
    if ended:
        pytest.skip(f"needs the chapter that failed: {ended[0]}")
    ended.append(title)
    chapter(story)
    ended.pop()


def _spans(stack: LocalStack, trace_id: str) -> list[Span]:
    answer = httpx.get(f"http://127.0.0.1:{stack.ports['traces']}/api/traces/{trace_id}", timeout=10, trust_env=False)
    return list(answer.json()["spans"]) if answer.status_code == 200 else []


def _whole_trace(stack: LocalStack, exchange: Exchange, services: set[str]) -> list[Span]:
    """The trace of a request, once spans of all these services have come."""

    def probe() -> list[Span] | None:
        spans = _spans(stack, exchange.trace_id)
        return spans if services <= {span["service"] for span in spans} else None

    return until(f"spans of {sorted(services)}", probe, 30)


def _exchange(story: Story, method: str, part: str) -> Exchange:
    return next(one for one in story.wire.exchanges if one.method == method and part in one.url and one.status < 400)


def _databases(spans: list[Span]) -> set[str]:
    """Services with a span of PostgreSQL."""
    return {span["service"] for span in spans if span["attributes"].get("db.system") == "postgresql"}


def _connected(spans: list[Span]) -> bool:
    """Whether every span hangs, over its parents, below the ingress."""
    known = {span["span_id"] for span in spans}
    loose = [span for span in spans if span["parent_id"] not in known]
    return [span["service"] for span in loose] == ["ingress"]


def test_one_trace_connects_the_customers_decision_with_every_data_service(stack: LocalStack, story: Story) -> None:
    decision = _exchange(story, "POST", "/consent")
    workers = {"cds-accounts-worker", "cds-billing-worker", "cds-usage-worker"}
    spans = _whole_trace(stack, decision, {"ingress", "cds-auth-api", "cds-auth-worker", *workers})

    assert _connected(spans)
    assert {"cds-auth-api", *workers} <= _databases(spans)
    by_name: dict[str, set[str]] = {}
    for span in spans:
        by_name.setdefault(span["name"], set()).add(span["service"])
    assert by_name["cds.grants publish"] == {"cds-auth-worker"}
    assert workers <= by_name["cds.grants process"]
    # A consumer's own span lies below the publisher's.
    names = {span["span_id"]: span["name"] for span in spans}
    consumed = [span for span in spans if span["name"] == "cds.grants process" and span["service"] in workers]
    assert {names[span["parent_id"]] for span in consumed} == {"cds.grants publish"}


def test_a_registration_is_traced_from_registry_to_auth(stack: LocalStack, story: Story) -> None:
    spans = _whole_trace(
        stack, _exchange(story, "POST", "/oauth/register"), {"ingress", "cds-registry-api", "cds-registry-worker", "cds-auth-worker"}
    )
    assert _connected(spans)
    assert {"cds-registry-api", "cds-auth-worker"} <= _databases(spans)


def test_the_buildings_grant_is_traced_into_aggregation(stack: LocalStack, story: Story) -> None:
    grant_id = story.tokens["building"]["cds_grant_ids"][0]
    asked = next(one for one in story.wire.exchanges if "/oauth/token" in one.url and grant_id in one.body)
    spans = _whole_trace(stack, asked, {"ingress", "cds-auth-api", "cds-auth-worker", "cds-aggregation-worker"})
    assert "cds-aggregation-worker" in _databases(spans)


def test_a_trace_holds_no_personal_data_and_no_secret(stack: LocalStack, story: Story) -> None:
    decision = _exchange(story, "POST", "/consent")
    told = str(_whole_trace(stack, decision, {"cds-usage-worker"}))
    for secret in ("R. Moss", "moss@", "Pier Road", story.client.credentials["consent"].secret, story.tokens["consent"]["access_token"]):
        assert secret not in told
    assert "?" not in "".join(str(span["attributes"].get("http.target", "")) for span in _spans(stack, decision.trace_id))


def test_the_command_prints_the_trace_as_a_tree(stack: LocalStack, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = _exchange(story, "POST", "/consent")
    _whole_trace(stack, decision, {"ingress", "cds-auth-api", "cds-usage-worker"})
    monkeypatch.setattr("cds_local.cli._stack", lambda: stack)
    monkeypatch.setenv("COLUMNS", "200")

    printed = CliRunner().invoke(app, ["trace", decision.trace_id])

    assert printed.exit_code == 0
    lines = printed.output.splitlines()
    depth = {name: min(line.index(name) for line in lines if name in line) for name in ("ingress", "cds-auth-api", "cds.grants publish")}
    assert depth["ingress"] < depth["cds-auth-api"] < depth["cds.grants publish"]
    assert "cds-usage-worker" in printed.output
    assert CliRunner().invoke(app, ["trace", "0" * 32]).exit_code == 1
