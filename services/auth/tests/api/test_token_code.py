"""Codes, refresh tokens, and what ends them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from cds_auth.domain.grant_status import GrantStatus
from cds_common.testing.schemas import assert_valid
from services.auth.tests.core_builders import a_consent_client, an_admin_client
from services.auth.tests.core_driver import Core


class TestCode:
    @pytest.mark.req("WG102-254", "WG102-255", "WG3A-140")
    async def test_code_gives_tokens_of_the_approved_grant(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        details = [{"type": "cds_usage_hlp", "segment_start": "P1M", "sync_until": "P1Y", "contract_numbers": ["220-471"]}]
        code = await core.consent(client, authorization_details=details)
        answer = await core.token(client, **code.form())
        assert answer.status_code == 200, answer.text
        assert_valid("token-response.json", answer.content)
        found = answer.json()
        assert found["cds_grant_ids"] == [code.grant.grant_id]
        assert found["refresh_token"]
        assert found["scope"] == "cds_usage_hlp"
        entry = found["authorization_details"][0]
        assert entry["sync_until"].endswith("Z")
        assert "contract_numbers" not in entry
        claims = await core.claims(found["access_token"])
        assert claims["cds_grant_ids"] == [code.grant.grant_id]
        assert claims["sub"] not in {client.client_id, str(code.grant.customer_ids[0])}

    @pytest.mark.req("WG102-254", "WG3C-272")
    async def test_replayed_code_ends_the_tokens_of_its_first_use(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        first = (await core.token(client, **code.form())).json()
        assert await core.active(client, first["access_token"])
        replay = await core.token(client, **code.form())
        assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
        assert not await core.active(client, first["access_token"])
        assert not await core.active(client, first["refresh_token"])
        refused = await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert refused.json()["error"] == "invalid_grant"
        family = (await core.claims(first["access_token"]))["jti"].split(".")[1]
        last = (await core.published(code.grant.grant_id))[-1]
        assert family in last.revoked_token_parts
        assert last.status == "active"

    async def test_two_redemptions_at_once_give_one_pair(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        answers = await asyncio.gather(*(core.token(client, **code.form()) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]

    @pytest.mark.req("WG102-254", "WG102-058")
    @pytest.mark.parametrize(
        "change",
        [
            {"code_verifier": "A" * 43},
            {"code_verifier": None},
            {"code_verifier": "short"},
            {"redirect_uri": "https://app.kestrel.example/other"},
            {"redirect_uri": None},
            {"code": "unknown"},
        ],
    )
    async def test_wrong_redemption_is_refused_and_does_not_use_the_code_up(self, core: Core, change: dict[str, str | None]) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        answer = await core.token(client, **code.form(**change))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert (await core.token(client, **code.form())).status_code == 200

    @pytest.mark.req("WG102-254")
    async def test_code_of_another_client(self, core: Core) -> None:
        client, thief = a_consent_client(), a_consent_client()
        await core.knows(client, thief)
        code = await core.consent(client)
        answer = await core.token(thief, **code.form())
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert (await core.token(client, **code.form())).status_code == 200

    async def test_expired_code(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        async with core.sessions.begin() as tx:
            query = "UPDATE authorization_code SET expires = now() - interval '1 second' WHERE grant_id = :grant"
            await tx.execute(text(query), {"grant": code.grant.grant_id})
        answer = await core.token(client, **code.form())
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    async def test_code_of_a_grant_that_was_revoked_meanwhile(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        await core.change(code.grant.grant_id, lambda grant: grant.end(GrantStatus.REVOKED, datetime.now(UTC)))
        assert (await core.token(client, **code.form())).json()["error"] == "invalid_grant"

    @pytest.mark.req("WG3A-126")
    async def test_answer_waits_for_the_grant_to_become_active(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client, ready=False)

        async def later() -> None:
            await asyncio.sleep(0.1)
            await core.ready(code.grant.grant_id)

        answer, _ = await asyncio.gather(core.token(client, **code.form()), later())
        assert answer.status_code == 200
        assert (await core.grant(code.grant.grant_id)).status == "active"

    async def test_answer_comes_anyway_when_the_services_are_slow(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client, ready=False)
        started = datetime.now(UTC)
        answer = await core.token(client, **code.form())
        waited = datetime.now(UTC) - started
        assert answer.status_code == 200
        assert timedelta(seconds=0.25) < waited < timedelta(seconds=3)
        assert (await core.grant(code.grant.grant_id)).status == "pending"

    async def test_exempted_client_needs_no_verifier_and_must_not_send_one(self, core: Core) -> None:
        client = a_consent_client(pkce_exempt=True)
        await core.knows(client)
        bare = await core.consent(client, code_challenge=None, code_challenge_method=None)
        refused = await core.token(client, **bare.form())
        assert refused.json()["error"] == "invalid_grant"
        assert (await core.token(client, **bare.form(code_verifier=None))).status_code == 200


class TestRefresh:
    @pytest.mark.req("WG102-255", "WG3B-190", "WG102-090")
    async def test_refresh_rotates_and_keeps_the_dates(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client, authorization_details=[{"type": "cds_usage_hlp", "sync_until": "P1Y"}])
        first = (await core.token(client, **code.form())).json()
        answer = await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert answer.status_code == 200
        second = answer.json()
        assert second["refresh_token"] != first["refresh_token"]
        assert second["access_token"] != first["access_token"]
        assert second["authorization_details"] == first["authorization_details"]
        assert "cds_grant_ids" not in second
        assert await core.active(client, first["access_token"])

    async def test_reused_refresh_token_ends_the_family(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        first = (await core.token(client, **code.form())).json()
        second = (await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
        replay = await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert (replay.status_code, replay.json()["error"]) == (400, "invalid_grant")
        assert not await core.active(client, second["access_token"])
        newest = await core.token(client, grant_type="refresh_token", refresh_token=second["refresh_token"])
        assert newest.json()["error"] == "invalid_grant"

    async def test_refresh_tokens_end_for_good(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        assert code.grant.not_after is None
        found = (await core.token(client, **code.form())).json()

        async def age(days: int) -> None:
            """The authorization and its tokens are so much older."""
            mine = "family_id IN (SELECT family_id FROM token_family WHERE grant_id = :grant_id)"
            span = f"interval '{days} days'"
            async with core.sessions.begin() as tx:
                values = {"grant_id": code.grant.grant_id}
                await tx.execute(text(f"UPDATE token_family SET created = created - {span} WHERE {mine}"), values)
                await tx.execute(text(f"UPDATE refresh_token SET expires = expires - {span} WHERE {mine}"), values)

        for _ in range(2):
            await age(182)
            answer = await core.token(client, grant_type="refresh_token", refresh_token=found["refresh_token"])
            assert answer.status_code == 200
            found = answer.json()
        await age(2)
        over = await core.token(client, grant_type="refresh_token", refresh_token=found["refresh_token"])
        assert (over.status_code, over.json()["error"]) == (400, "invalid_grant")
        assert (await core.grant(code.grant.grant_id)).status == "active"

    async def test_refresh_token_of_another_client(self, core: Core) -> None:
        client, thief = a_consent_client(), a_consent_client()
        await core.knows(client, thief)
        first = (await core.token(client, **(await core.consent(client)).form())).json()
        stolen = await core.token(thief, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert stolen.json()["error"] == "invalid_grant"
        assert (await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])).status_code == 200

    @pytest.mark.req("WG102-235")
    @pytest.mark.parametrize("status", ["revoked", "closed", "disabled", "expired", "suspended"])
    async def test_refresh_and_tokens_fail_when_the_grant_gives_no_access(self, core: Core, status: str) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        first = (await core.token(client, **code.form())).json()
        now = datetime.now(UTC)
        if status == "suspended":
            await core.change(code.grant.grant_id, lambda grant: grant.suspend("operator", now))
        else:
            await core.change(code.grant.grant_id, lambda grant: grant.end(GrantStatus(status), now))
        assert not await core.active(client, first["access_token"])
        answer = await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert answer.json()["error"] == "invalid_grant"
        last = (await core.published(code.grant.grant_id))[-1]
        assert (last.status, last.enabled_scope, [entry.enabled for entry in last.entries]) == (status, "", [False])

    async def test_wider_scope_is_refused(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        first = (await core.token(client, **(await core.consent(client)).form())).json()
        answer = await core.token(
            client, grant_type="refresh_token", refresh_token=first["refresh_token"], scope="cds_usage_hlp cds_service_contracts_hlp"
        )
        assert answer.json()["error"] == "invalid_scope"

    async def test_narrower_scope_narrows_the_access_token_alone(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        both = "cds_usage_hlp cds_service_contracts_hlp"
        code = await core.consent(client, both, authorization_details=[{"type": scope} for scope in both.split()])
        first = (await core.token(client, **code.form())).json()
        narrow = (
            await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"], scope="cds_service_contracts_hlp")
        ).json()
        assert narrow["scope"] == "cds_service_contracts_hlp"
        assert [each["type"] for each in narrow["authorization_details"]] == ["cds_service_contracts_hlp"]
        claims = await core.claims(narrow["access_token"])
        assert (claims["scope"], claims["cds_grant_ids"]) == ("cds_service_contracts_hlp", [code.grant.grant_id])
        told = (await core.http.post("/oauth/introspect", data={"token": narrow["access_token"]}, headers=client.basic)).json()
        assert (told["scope"], [each["type"] for each in told["authorization_details"]]) == (claims["scope"], [claims["scope"]])
        whole = (await core.token(client, grant_type="refresh_token", refresh_token=narrow["refresh_token"])).json()
        assert set(whole["scope"].split()) == set(both.split())


class TestRevocation:
    @pytest.mark.req("WG102-016")
    async def test_revoked_access_token_is_dead_and_the_services_learn_it(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        found = (await core.token(client, **code.form())).json()
        answer = await core.http.post("/oauth/revoke", data={"token": found["access_token"]}, headers=client.basic)
        assert answer.status_code == 200
        assert not await core.active(client, found["access_token"])
        jti = (await core.claims(found["access_token"]))["jti"]
        assert jti.split(".")[-1] in (await core.published(code.grant.grant_id))[-1].revoked_token_parts
        refreshed = await core.token(client, grant_type="refresh_token", refresh_token=found["refresh_token"])
        assert await core.active(client, refreshed.json()["access_token"])

    @pytest.mark.req("WG102-016")
    async def test_revoked_admin_token_gets_401_at_once(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        bearer = await core.bearer(admin)
        assert (await core.http.get("/cds/v1/grants", headers=bearer)).status_code == 200
        token = bearer["Authorization"].split()[1]
        await core.http.post("/oauth/revoke", data={"token": token}, headers=admin.basic)
        refused = await core.http.get("/cds/v1/grants", headers=bearer)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        assert (await core.http.get("/cds/v1/grants", headers=await core.bearer(admin))).status_code == 200

    @pytest.mark.req("WG102-016")
    async def test_unknown_token_is_no_error_and_a_stranger_is_refused(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        garbage = await core.http.post("/oauth/revoke", data={"token": "garbage"}, headers=client.basic)
        assert garbage.status_code == 200
        anonymous = await core.http.post("/oauth/revoke", data={"token": "garbage"})
        assert (anonymous.status_code, anonymous.json()["error"]) == (401, "invalid_client")

    @pytest.mark.req("WG102-017")
    async def test_revoked_refresh_token_takes_its_access_tokens_along(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        found = (await core.token(client, **(await core.consent(client)).form())).json()
        await core.http.post(
            "/oauth/revoke", data={"token": found["refresh_token"], "token_type_hint": "refresh_token"}, headers=client.basic
        )
        refused = await core.token(client, grant_type="refresh_token", refresh_token=found["refresh_token"])
        assert refused.json()["error"] == "invalid_grant"
        assert not await core.active(client, found["access_token"])

    @pytest.mark.req("WG102-017")
    async def test_tokens_of_another_client_cannot_be_revoked(self, core: Core) -> None:
        client, other = a_consent_client(), a_consent_client()
        await core.knows(client, other)
        found = (await core.token(client, **(await core.consent(client)).form())).json()
        for kind in ("access_token", "refresh_token"):
            await core.http.post("/oauth/revoke", data={"token": found[kind]}, headers=other.basic)
            assert await core.active(client, found[kind])


class TestIntrospection:
    @pytest.mark.req("WG102-018")
    async def test_live_token_shows_its_scope_and_details(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        found = (await core.token(client, **(await core.consent(client)).form())).json()
        answer = await core.http.post("/oauth/introspect", data={"token": found["access_token"]}, headers=client.basic)
        assert_valid("introspection-response.json", answer.content)
        body = answer.json()
        assert (body["active"], body["scope"], body["client_id"]) == (True, "cds_usage_hlp", client.client_id)
        assert body["authorization_details"] == found["authorization_details"]
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.req("WG102-018")
    async def test_everything_else_is_just_inactive(self, core: Core) -> None:
        client, stranger = a_consent_client(), a_consent_client()
        await core.knows(client, stranger)
        found = (await core.token(client, **(await core.consent(client)).form())).json()
        for who, token in ((client, "garbage"), (client, found["access_token"][:-4] + "AAAA"), (stranger, found["access_token"])):
            answer = await core.http.post("/oauth/introspect", data={"token": token}, headers=who.basic)
            assert (answer.status_code, answer.json()) == (200, {"active": False})
        assert (await core.http.post("/oauth/introspect", data={"token": "x"})).status_code == 401
        missing = await core.http.post("/oauth/introspect", data={"token": ""}, headers=client.basic)
        assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")

    async def test_other_client_of_the_registration_may_look(self, core: Core) -> None:
        client, admin = a_consent_client(), an_admin_client()
        await core.knows(client, admin, registration_id=f"registration-{uuid4().hex}")
        found = (await core.token(client, **(await core.consent(client)).form())).json()
        assert await core.active(admin, found["access_token"])
