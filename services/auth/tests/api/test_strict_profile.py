"""CDS_AUTH_PROFILE=strict: authorization requests by PAR only, PKCE for everybody (ASVS 5.0 V10.4.6, V10.4.13, V10.4.15)."""

from datetime import UTC, datetime

import pytest

from cds_auth.application.authorization_requests import resolve_authorization_request
from cds_auth.application.rules import AuthRules
from cds_auth.domain.errors import InvalidAuthorizationRequest
from services.auth.tests.api.test_par import open_uri, pushed
from services.auth.tests.core_builders import a_consent_client
from services.auth.tests.core_driver import Core


def test_the_profile_is_a_setting(core: Core, committed, utility) -> None:
    assert core.rules.strict is False
    assert AuthRules.of(committed.model_copy(update={"profile": "strict"}), utility).strict is True


async def test_a_plain_link_is_refused_without_a_redirect_and_a_pushed_one_is_taken(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    client = a_consent_client()
    await core.knows(client)
    pairs = [("client_id", client.client_id), *pushed().items()]
    async with core.sessions.begin() as tx:
        await resolve_authorization_request(tx, pairs, rules=core.rules, clients=core.directory, now=datetime.now(UTC))
    monkeypatch.setattr(AuthRules, "strict", property(lambda _self: True))
    page = await core.http.get("/oauth/authorize", params=pairs)
    assert (page.status_code, "location" in page.headers) == (400, False)
    async with core.sessions.begin() as tx:
        with pytest.raises(InvalidAuthorizationRequest, match="must be pushed"):
            await resolve_authorization_request(tx, pairs, rules=core.rules, clients=core.directory, now=datetime.now(UTC))
    answer = await core.http.post("/oauth/par", data=pushed(), headers=client.basic)
    assert (await open_uri(core, client, answer.json()["request_uri"])).client_id == client.client_id


async def test_no_client_is_exempt_from_pkce(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    client = a_consent_client(pkce_exempt=True)
    await core.knows(client)
    without = pushed(code_challenge=None, code_challenge_method=None)
    assert (await core.http.post("/oauth/par", data=without, headers=client.basic)).status_code == 201
    monkeypatch.setattr(AuthRules, "strict", property(lambda _self: True))
    refused = await core.http.post("/oauth/par", data=without, headers=client.basic)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
