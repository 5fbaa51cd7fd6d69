"""`cds operator access-log`: what is asked of auth, and how an answer is judged."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cds_cli import access_log_command
from cds_cli.main import app


class Auth:
    """Answers by path, in turn; what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[dict[str, Any]]) -> None:
        self.answers, self.asked = answers, list[tuple[str, dict[str, str]]]()
        monkeypatch.setattr(access_log_command, "call", self.call)

    def call(self, service: str, method: str, path: str, params: dict[str, str]) -> Any:
        assert (service, method) == ("auth", "GET")
        self.asked.append((path, params))
        return self.answers[path.rpartition("/")[2].replace("-", "_")].pop(0)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["operator", "access-log", *arguments])
    return done.exit_code, done.output


def test_a_search_follows_pages_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = Auth(monkeypatch, access_log=[{"reads": [1, 2], "cursor": "usage-7"}, {"reads": [3], "cursor": "usage-6"}])
    code, told = run("search", "--customer", "CU-1", "--environment", "sandbox", "--limit", "3")
    assert (code, json.loads(told)) == (0, {"reads": [1, 2, 3], "more": True})
    query = {"customer_number": "CU-1", "environment": "sandbox"}
    assert auth.asked == [("/access-log", query | {"limit": "3"}), ("/access-log", query | {"limit": "1", "cursor": "usage-7"})]


def test_whole_chains_are_walked_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    end = {"checked_to": 30, "digest": "bb", "broken_at": None, "done": True}
    parts = [{"checked_to": 20, "digest": "aa", "broken_at": None, "done": False}, end]
    auth = Auth(monkeypatch, accounts=parts, billing=[dict(end)], usage=[dict(end)], aggregation=[dict(end, checked_to=0, digest="")])
    code, told = run("verify")
    assert code == 0
    assert told.splitlines() == ["accounts: 30 reads, bb", "billing: 30 reads, bb", "usage: 30 reads, bb", "aggregation: 0 reads, -"]
    assert auth.asked[:2] == [("/access-log/chains/accounts", {"after": "0"}), ("/access-log/chains/accounts", {"after": "20"})]


def test_a_broken_chain_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = (
        {"checked_to": 1, "digest": "a", "broken_at": None, "done": True},
        {"checked_to": 4, "digest": "b", "broken_at": 5, "done": True},
    )
    Auth(monkeypatch, accounts=[whole], billing=[broken], usage=[dict(whole)], aggregation=[dict(whole)])
    code, told = run("verify")
    assert code == 1
    assert "billing: broken at 5" in told
