"""`cds check-data` reads only when its Grants show everything, and takes an empty answer for no success."""

from typing import Any, cast

import pytest
from typer.testing import CliRunner

from cds_cli import check_data_command, main
from cds_cli.checking import reading
from cds_cli.checking.reading import LISTINGS, Seen, wide_token
from cds_cli.journey import story
from cds_cli.journey.client import Client
from cds_cli.journey.wire import JourneyFailed

Json = dict[str, Any]


class ServerThatNeedsTime:
    """Stands where the `Client` stands: a token whose Grant is pending for the first looks."""

    def __init__(self, pending_looks: int) -> None:
        self.pending_looks = pending_looks
        self.metadata = {"cds_scope_descriptions": {t: {"id": t, "authorization_details_fields_supported": []} for t in reading.QUERIES}}

    def scope_id(self, scope_type: str) -> str:
        return scope_type

    def client_credentials(self, who: str, scope: str, details: list[Json]) -> Json:
        return {"access_token": "the token", "cds_grant_ids": ["g1"]}

    def grant(self, grant_id: str) -> Json:
        self.pending_looks -= 1
        return {"grant_id": grant_id, "status": "pending" if self.pending_looks >= 0 else "active"}


def test_the_token_comes_when_its_grants_are_active() -> None:
    server = ServerThatNeedsTime(pending_looks=2)
    assert wide_token(cast("Client", server)) == "the token"
    assert server.pending_looks < 0


def test_a_grant_that_stays_pending_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story.time, "monotonic", iter(range(0, 1000, 20)).__next__)
    with pytest.raises(JourneyFailed, match="the Grant is active within 30 s"):
        wide_token(cast("Client", ServerThatNeedsTime(pending_looks=1000)))


def test_seeing_nothing_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "discover", lambda _client: None)
    monkeypatch.setattr(check_data_command, "set_up", lambda *_arguments: None)
    monkeypatch.setattr(check_data_command, "wide_token", lambda _client: "the token")
    monkeypatch.setattr(check_data_command, "read_everything", lambda *_arguments: Seen({key: [] for key in LISTINGS}, [], "UTC"))
    answer = CliRunner().invoke(main.app, ["check-data"])
    assert (answer.exit_code, "nothing to check" in answer.output) == (1, True)
