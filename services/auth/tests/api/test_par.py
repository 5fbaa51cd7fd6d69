"""Pushed authorization requests, and the checks that both channels share."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cds_auth.application.authorization_requests import resolve_authorization_request
from cds_auth.domain.errors import AuthorizationRefused, InvalidAuthorizationRequest, RequestUriUsed
from cds_common.errors import TransientError
from cds_common.events.clients import ClientPublishedV1
from cds_common.testing.schemas import assert_valid
from services.auth.tests.core_builders import AClient, a_consent_client, a_direct_client, basic
from services.auth.tests.core_driver import REDIRECT, Core

CHALLENGE = "7mKaPHPP5pCmMIlknWu8gHspglDPUdYuwEKC9m79yUo"


def pushed(**changes: object) -> dict[str, str]:
    values: dict[str, object] = {
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "cds_usage_hlp",
        "state": "job-5512 a+b",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return {n: v if isinstance(v, str) else json.dumps(v) for n, v in values.items() if v is not None}


async def open_uri(core: Core, client: AClient, request_uri: str):
    async with core.sessions.begin() as tx:
        pairs = [("client_id", client.client_id), ("request_uri", request_uri)]
        return await resolve_authorization_request(tx, pairs, rules=core.rules, clients=core.directory, now=datetime.now(UTC))


class TestPush:
    @pytest.mark.req("WG102-020", "WG102-245")
    async def test_pushed_request_opens_once(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        answer = await core.http.post("/oauth/par", data=pushed(prompt="login"), headers=client.basic)
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        assert_valid("par-response.json", answer.content)
        found = await open_uri(core, client, answer.json()["request_uri"])
        assert (found.state, found.redirect_uri, found.scope, found.prompt_login) == ("job-5512 a+b", REDIRECT, "cds_usage_hlp", True)
        with pytest.raises(RequestUriUsed) as again:
            await open_uri(core, client, answer.json()["request_uri"])
        assert again.value.pushed_id == found.pushed_id

    async def test_what_the_copy_would_refuse_is_judged_by_registrys_newest_state(
        self, core: Core, registry: dict[str, ClientPublishedV1 | Exception]
    ) -> None:
        client = a_consent_client()
        await core.knows(client)
        added = "https://app.kestrel.example/added-a-moment-ago"
        behind = client.snapshot
        registry[client.client_id] = client.changed(redirect_uris=[*behind.redirect_uris, added])

        answer = await core.http.post("/oauth/par", data=pushed(redirect_uri=added), headers=client.basic)
        refused = await core.http.post("/oauth/par", data=pushed(redirect_uri="https://elsewhere.example"), headers=client.basic)

        assert (answer.status_code, refused.status_code) == (201, 400)

    async def test_without_registry_the_copy_decides(self, core: Core, registry: dict[str, ClientPublishedV1 | Exception]) -> None:
        client = a_consent_client()
        await core.knows(client)
        registry[client.client_id] = TransientError("away")

        answer = await core.http.post("/oauth/par", data=pushed(redirect_uri="https://elsewhere.example"), headers=client.basic)

        assert answer.status_code == 400

    async def test_a_credential_that_was_made_a_moment_ago_works(
        self, core: Core, registry: dict[str, ClientPublishedV1 | Exception]
    ) -> None:
        client, newer = a_consent_client(), a_consent_client()
        await core.knows(client)
        registry[client.client_id] = client.changed(credentials=[*client.snapshot.credentials, *newer.snapshot.credentials])

        answer = await core.http.post("/oauth/par", data=pushed(), headers=basic(client.client_id, newer.secret))

        assert answer.status_code == 201

    @pytest.mark.req("WG102-020")
    async def test_request_uri_is_bound_to_its_client(self, core: Core) -> None:
        client, other = a_consent_client(), a_consent_client()
        await core.knows(client, other)
        answer = await core.http.post("/oauth/par", data=pushed(), headers=client.basic)
        with pytest.raises(InvalidAuthorizationRequest):
            await open_uri(core, other, answer.json()["request_uri"])
        with pytest.raises(InvalidAuthorizationRequest):
            await open_uri(core, client, "urn:ietf:params:oauth:request_uri:unknown")
        assert (await open_uri(core, client, answer.json()["request_uri"])).client_id == client.client_id

    @pytest.mark.req("WG3C-042", "WG102-020")
    async def test_without_authentication(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        answer = await core.http.post("/oauth/par", data=pushed(client_id=client.client_id))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.req("WG102-057")
    async def test_client_without_the_code_flow(self, core: Core) -> None:
        direct = a_direct_client()
        await core.knows(direct)
        answer = await core.http.post("/oauth/par", data=pushed(), headers=direct.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")

    @pytest.mark.req("WG3C-042", "WG102-058", "WG102-247", "WG102-248", "WG3A-238", "WG3A-239")
    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"redirect_uri": "https://elsewhere.example/"}, "invalid_request"),
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": None}, "invalid_request"),
            ({"request_uri": "urn:x"}, "invalid_request"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"scope": "no_such_scope"}, "invalid_scope"),
            ({"scope": "cds_query_accounts_hlp"}, "invalid_scope"),
            ({"authorization_details": "[{"}, "invalid_authorization_details"),
            ({"authorization_details": "null"}, "invalid_authorization_details"),
            ({"scope": "cds_aggregation_consent_hlp"}, "invalid_authorization_details"),
            (
                {
                    "scope": "cds_aggregation_consent_hlp",
                    "authorization_details": [{"type": "cds_aggregation_consent_hlp", "aggregation_numbers": ["B-1"]}],
                },
                "invalid_authorization_details",
            ),
            ({"cds_grant_id": "unknown"}, "cds_grant_id_invalid_value"),
            ({"cds_grant_id": "unknown", "scope": "no_such_scope"}, "invalid_scope"),
        ],
    )
    async def test_faults_are_json_errors(self, core: Core, change: dict[str, object], error: str) -> None:
        client = a_consent_client()
        await core.knows(client)
        answer = await core.http.post("/oauth/par", data=pushed(**change), headers=client.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, error)
        assert_valid("oauth-error-response.json", answer.content)


class TestFrontChannel:
    @pytest.mark.req("WG102-253")
    @pytest.mark.parametrize(
        "change", [{"client_id": "unknown"}, {"redirect_uri": "https://elsewhere.example/"}, {"response_type": "token"}]
    )
    async def test_what_must_not_redirect(self, core: Core, change: dict[str, str]) -> None:
        client = a_consent_client()
        await core.knows(client)
        with pytest.raises(InvalidAuthorizationRequest):
            await core.request(client, **change)

    @pytest.mark.req("WG102-253", "WG102-248")
    async def test_other_faults_redirect_with_state(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        with pytest.raises(AuthorizationRefused) as refused:
            await core.request(client, "no_such_scope", state="job 1")
        assert (refused.value.error, refused.value.state, refused.value.redirect_uri) == ("invalid_scope", "job 1", REDIRECT)
        pairs = [("client_id", client.client_id), *pushed().items(), ("cds_grant_id", "a"), ("cds_grant_id", "b")]
        with pytest.raises(AuthorizationRefused) as repeated:
            async with core.sessions.begin() as tx:
                await resolve_authorization_request(tx, pairs, rules=core.rules, clients=core.directory, now=datetime.now(UTC))
        assert repeated.value.error == "invalid_request"

    @pytest.mark.req("WG102-248")
    async def test_empty_grant_id_counts_as_absent(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        found, _ = await core.request(client, cds_grant_id="")
        assert found.cds_grant_id is None

    async def test_default_redirect_uri_and_scope(self, core: Core) -> None:
        client = a_consent_client(
            default_scope="cds_service_contracts_hlp", default_redirect_uri="http://localhost:8080/consent/done/kestrel"
        )
        await core.knows(client)
        found, _ = await core.request(client, None, redirect_uri=None)  # pyright: ignore[reportArgumentType]
        assert (found.scope, found.redirect_uri_sent, found.is_server_redirect) == ("cds_service_contracts_hlp", False, True)

    @pytest.mark.req("WG102-250")
    @pytest.mark.parametrize(("prompt", "anew"), [("login", True), ("consent login", True), ("logins", False), ("", False)])
    async def test_prompt_is_a_list_of_words(self, core: Core, prompt: str, anew: bool) -> None:
        client = a_consent_client()
        await core.knows(client)
        found, _ = await core.request(client, prompt=prompt)
        assert found.prompt_login is anew

    async def test_request_survives_its_row(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        found, _ = await core.request(client, prompt="login", state=f"s{uuid4().hex}")
        assert type(found).from_json(json.loads(json.dumps(found.to_json()))) == found
