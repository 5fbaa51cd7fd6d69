"""`cds operator ...` does at the running server what the console does."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cds_cli.main import app
from cds_local.stack import LocalStack
from tests.e2e.operators import auth_operator_key, registry_operator
from tests.e2e.support import newcomer

Json = dict[str, Any]


@pytest.fixture
def desk(loaded: LocalStack, monkeypatch: pytest.MonkeyPatch):
    """Runs a command and gives what it prints."""
    monkeypatch.setenv("CDS_REGISTRY_OPERATOR_KEY", registry_operator(loaded, "desk")["key"])
    monkeypatch.setenv("CDS_AUTH_OPERATOR_KEY", auth_operator_key(loaded, "desk"))
    monkeypatch.setattr("cds_cli.connection.public_url", lambda: loaded.public_url)

    def run(*words: str, code: int = 0) -> Json:
        done = CliRunner().invoke(app, ["operator", *words])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if done.stdout.startswith("{") else {}

    return run


@pytest.mark.slow
def test_a_day_at_the_desk(loaded: LocalStack, desk: Any, tmp_path: Path) -> None:
    client = newcomer(loaded, ["cds_usage", "cds_server_provided_files"], consent="cds_usage").client
    consent = client.credentials["consent"].client_id
    registration_id = desk("client", consent)["registration_id"]
    assert registration_id in [each["registration_id"] for each in desk("registrations")["registrations"]]

    waiting = [each for each in desk("requests")["requests"] if each["registration_id"] == registration_id]
    assert desk("approve", waiting[0]["message"]["message_id"], "--note", "Welcome.")["status"] == "complete"
    asked = desk("ask", registration_id, "Proof", "Before production.", "--field", "Company register", "--field", "Privacy notice")
    assert [each["name"] for each in asked["updates_requested"]] == ["Company register", "Privacy notice"]
    reply = desk("reply", asked["message_id"], "By Friday, please.")
    assert desk("message", reply["message_id"])["previous_uri"] == asked["uri"]
    desk("write", registration_id, "Maintenance", "On Sunday.")
    names = [each["name"] for each in desk("messages", "--registration", registration_id)["messages"]]
    assert {"Maintenance", "Proof"} <= set(names)

    (tmp_path / "rates.csv").write_text("a,b\n")
    shared = desk("share-file", registration_id, str(tmp_path / "rates.csv"), "--description", "All rates")
    assert (shared["size"], shared["mime_type"]) == (4, "text/csv")
    assert desk("unshare-file", shared["file_id"])["removed_at"]
    desk("unshare-file", shared["file_id"], code=1)

    assert desk("disable", consent, "Complaints.")["client"]["cds_status"] == "disabled"
    found = desk("audit-search", "--subject", consent, "--action", "client.disabled")["entries"]
    assert [each["subject"] for each in found] == [consent]
    assert desk("enable", consent)["client"]["cds_status"] != "disabled"
    assert desk("audit-verify") == {"sound": True, "first_break": None}

    made = desk("accounts", "add", f"desk-{consent[:8]}", "--role", "viewer")
    assert desk("accounts", "renew", made["name"])["key"] != made["key"]
    assert desk("accounts", "end", made["name"]) == {"ended": made["name"]}
    assert desk("rotate-keys")["kid"]
