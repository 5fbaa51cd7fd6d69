"""Tokens without a customer: Client Admin, direct access, and what is refused."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from cds_auth.domain.grant_status import GrantStatus
from cds_common.errors import TransientError
from cds_common.events.clients import CredentialVerifier, DirectPermission
from cds_common.testing.schemas import assert_valid
from services.auth.tests.core_builders import AClient, a_consent_client, a_direct_client, an_admin_client, basic
from services.auth.tests.core_driver import Core


class TestClientAdmin:
    @pytest.mark.req("WG102-256", "WG102-255")
    async def test_first_request_makes_one_grant_and_later_ones_reuse_it(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        answer = await core.token(admin, grant_type="client_credentials", scope="cds_client_admin")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        first = answer.json()
        assert_valid("token-response.json", answer.content)
        assert first["token_type"] == "Bearer"
        assert first["scope"] == "cds_client_admin"
        assert 0 < first["expires_in"] <= 900
        assert len(first["cds_grant_ids"]) == 1
        assert "refresh_token" not in first
        assert "authorization_details" not in first
        second = await core.client_credentials(admin, "cds_client_admin")
        assert "cds_grant_ids" not in second
        assert (await core.claims(second["access_token"]))["cds_grant_ids"] == first["cds_grant_ids"]

    async def test_access_token_is_a_profiled_jwt(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        found = await core.client_credentials(admin, "cds_client_admin")
        claims = await core.claims(found["access_token"])
        assert claims["iss"] == claims["aud"] == core.settings.public_url
        assert claims["sub"] == claims["client_id"] == admin.client_id
        assert claims["registration_id"] == admin.registration_id
        assert claims["environment"] == "sandbox"
        assert claims["exp"] - claims["iat"] == 900
        assert claims["scope"] == "cds_client_admin"

    async def test_issuing_is_recorded_without_the_token(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        found = await core.client_credentials(admin, "cds_client_admin")
        bodies = await core.outbox_bodies("cds.tokens", admin.client_id)
        assert len(bodies) == 1
        assert admin.credential_id in bodies[0]
        assert found["access_token"] not in bodies[0]
        assert admin.secret not in bodies[0]

    async def test_simultaneous_first_requests_make_one_grant(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        answers = await asyncio.gather(*(core.client_credentials(admin, "cds_client_admin") for _ in range(8)))
        grants = {(await core.claims(answer["access_token"]))["cds_grant_ids"][0] for answer in answers}
        assert len(grants) == 1
        assert sum("cds_grant_ids" in answer for answer in answers) == 1


class TestClientAuthentication:
    @pytest.mark.req("WG102-256")
    async def test_wrong_secret_is_invalid_client(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        answer = await core.token(admin, basic(admin.client_id, "wrong"), grant_type="client_credentials", scope="cds_client_admin")
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert_valid("oauth-error-response.json", answer.content)

    @pytest.mark.req("WG102-258")
    async def test_credential_of_another_client_of_the_registration_is_refused(self, core: Core) -> None:
        admin, direct = an_admin_client(), a_direct_client()
        await core.knows(admin, direct, registration_id=f"registration-{uuid4().hex}")
        answer = await core.token(admin, basic(admin.client_id, direct.secret), grant_type="client_credentials", scope="cds_client_admin")
        assert answer.status_code == 401

    async def test_secret_in_the_body_is_refused(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        form = {"grant_type": "client_credentials", "client_id": admin.client_id, "client_secret": admin.secret}
        answer = await core.http.post("/oauth/token", data=form)
        assert answer.status_code == 401

    @pytest.mark.req("WG102-222")
    async def test_expired_credential_is_refused_everywhere(self, core: Core) -> None:
        admin = an_admin_client()
        past = [c.model_copy(update={"expires_at": admin.snapshot.occurred_at - timedelta(seconds=1)}) for c in admin.snapshot.credentials]
        admin.snapshot = admin.snapshot.model_copy(update={"credentials": past})
        await core.knows(admin)
        for path in ("token", "par", "revoke", "introspect"):
            answer = await core.http.post(f"/oauth/{path}", data={"token": "x", "grant_type": "client_credentials"}, headers=admin.basic)
            assert answer.status_code == 401, path

    @pytest.mark.req("WG102-133")
    async def test_disabled_client_is_refused(self, core: Core) -> None:
        direct = a_direct_client(status="disabled")
        await core.knows(direct)
        answer = await core.token(direct, grant_type="client_credentials", scope="cds_query_accounts_hlp")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.req("WG102-293")
    async def test_guessing_is_slowed_down_but_not_for_others(self, core: Core) -> None:
        admin, other = an_admin_client(), an_admin_client()
        await core.knows(admin, other)
        wrong = basic(admin.client_id, "guess")
        statuses = [(await core.token(admin, wrong, grant_type="client_credentials")).status_code for _ in range(25)]
        assert statuses[:20] == [401] * 20
        assert statuses[-1] == 429
        blocked = await core.token(admin, grant_type="client_credentials", scope="cds_client_admin")
        assert blocked.status_code == 429
        assert int(blocked.headers["retry-after"]) >= 1
        assert (await core.token(other, grant_type="client_credentials", scope="cds_client_admin")).status_code == 200

    async def test_second_credential_works_beside_the_first(self, core: Core) -> None:
        admin, donor = an_admin_client(), an_admin_client()
        second = CredentialVerifier(credential_id="second", secret_hmac=donor.snapshot.credentials[0].secret_hmac)
        admin.snapshot = admin.snapshot.model_copy(update={"credentials": [*admin.snapshot.credentials, second]})
        await core.knows(admin)
        answer = await core.token(admin, basic(admin.client_id, donor.secret), grant_type="client_credentials", scope="cds_client_admin")
        assert answer.status_code == 200


class TestReadThrough:
    """A Client whose event has not arrived yet is read at registry (design §3)."""

    async def test_new_client_works_at_once(self, core: Core, registry: dict[str, object]) -> None:
        admin = an_admin_client()
        registry[admin.client_id] = admin.snapshot
        assert (await core.client_credentials(admin, "cds_client_admin"))["access_token"]

    async def test_registry_that_cannot_be_asked_is_no_refusal(self, core: Core, registry: dict[str, object]) -> None:
        admin = an_admin_client()
        registry[admin.client_id] = TransientError("registry is not reachable")
        answer = await core.token(admin, grant_type="client_credentials", scope="cds_client_admin")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]

    async def test_unknown_client_is_refused(self, core: Core) -> None:
        answer = await core.token(an_admin_client(), grant_type="client_credentials", scope="cds_client_admin")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


class TestRefusals:
    @pytest.mark.req("WG102-256")
    async def test_unknown_grant_type(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        answer = await core.token(admin, grant_type="password", username="a", password="b")
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")

    @pytest.mark.req("WG102-256")
    async def test_grant_type_that_the_client_lacks(self, core: Core) -> None:
        consent = a_consent_client()
        await core.knows(consent)
        answer = await core.token(consent, grant_type="client_credentials", scope="cds_usage_hlp")
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")

    @pytest.mark.req("WG102-257")
    async def test_scope_of_another_client(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        for scope in ("cds_grant_admin_hlp", "cds_usage_hlp", "no_such_scope", "cds_client_admin cds_usage_hlp"):
            answer = await core.token(admin, grant_type="client_credentials", scope=scope)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope

    async def test_repeated_parameter(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        body = "grant_type=client_credentials&scope=cds_client_admin&scope=cds_client_admin"
        headers = admin.basic | {"content-type": "application/x-www-form-urlencoded"}
        answer = await core.http.post("/oauth/token", content=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    async def test_json_body(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        answer = await core.http.post("/oauth/token", json={"grant_type": "client_credentials"}, headers=admin.basic)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


class TestDirectAccess:
    @pytest.mark.req("WG102-019", "WG3B-008", "WG3A-123")
    async def test_answer_and_grant_show_every_effective_value(self, core: Core) -> None:
        direct = a_direct_client()
        await core.knows(direct)
        details = [{"type": "cds_query_accounts_hlp", "include_account_numbers": True}]
        found = await core.client_credentials(direct, "cds_query_accounts_hlp", details)
        entry = found["authorization_details"][0]
        assert entry["type"] == "cds_query_accounts_hlp"
        assert entry["include_account_numbers"] is True
        assert entry["sync_until"] == "infinite"
        assert entry["account_numbers"] is None
        grant = await core.grant(found["cds_grant_ids"][0])
        assert grant.authorization_details == found["authorization_details"]
        assert "refresh_token" not in found

    async def test_identical_request_reuses_the_grant_and_its_dates(self, core: Core) -> None:
        direct = a_direct_client()
        await core.knows(direct)
        details = [{"type": "cds_query_bill_statements_hlp", "statement_date_start": "P1Y"}]
        first = await core.client_credentials(direct, None, details)
        again = await core.client_credentials(direct, None, details)
        assert "cds_grant_ids" not in again
        assert again["authorization_details"] == first["authorization_details"]
        assert not first["authorization_details"][0]["statement_date_start"].startswith("P")
        other = await core.client_credentials(direct, None, [{"type": "cds_query_bill_statements_hlp", "statement_date_start": "P2Y"}])
        assert other["cds_grant_ids"] != first["cds_grant_ids"]

    @pytest.mark.req("WG3B-002", "WG102-019")
    @pytest.mark.parametrize(
        "details",
        [
            "{broken",
            "{}",
            [{"no_type": 1}],
            [{"type": "unknown"}],
            [{"type": "cds_query_accounts_hlp", "not_a_field": True}],
            [{"type": "cds_query_accounts_hlp", "include_account_numbers": "yes"}],
            [{"type": "cds_query_accounts_hlp", "account_numbers": []}],
        ],
    )
    async def test_faulty_details_make_no_grant(self, core: Core, details: object) -> None:
        direct, admin = a_direct_client(), an_admin_client()
        await core.knows(direct, admin, registration_id=f"registration-{uuid4().hex}")
        answer = await core.token(direct, grant_type="client_credentials", scope="cds_query_accounts_hlp", authorization_details=details)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")
        listing = await core.http.get("/cds/v1/grants", params={"client_ids": direct.client_id}, headers=await core.bearer(admin))
        assert listing.json()["grants"] == []

    @pytest.mark.req("WG3A-125", "WG3A-095")
    async def test_new_grant_is_pending_until_the_services_are_ready(self, core: Core) -> None:
        direct = a_direct_client()
        await core.knows(direct)
        found = await core.client_credentials(direct, "cds_query_accounts_hlp")
        grant = await core.grant(found["cds_grant_ids"][0])
        assert (grant.status, grant.enabled_scope, grant.enabled_authorization_details) == ("pending", "", [])
        assert grant.eta is not None
        await core.ready(grant.grant_id)
        after = await core.grant(grant.grant_id)
        assert (after.status, after.enabled_scope, after.eta) == ("active", "cds_query_accounts_hlp", None)
        assert [event.status for event in await core.published(grant.grant_id)] == ["pending", "active"]
        assert (await core.published(grant.grant_id))[-1].entries[0].enabled

    @pytest.mark.req("WG3A-086", "WG3A-102")
    @pytest.mark.parametrize("numbers", [None, [], "left out"])
    async def test_aggregation_client_must_name_aggregations(self, core: Core, numbers: object) -> None:
        direct = a_direct_client(direct_permission=DirectPermission(aggregation_numbers=["B-1"]))
        await core.knows(direct)
        entry = {"type": "cds_query_usage_hlp"} | ({} if numbers == "left out" else {"aggregation_numbers": numbers})
        answer = await core.token(direct, grant_type="client_credentials", authorization_details=[entry])
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")

    @pytest.mark.req("WG3A-087")
    async def test_aggregation_request_answers_at_once_as_pending(self, core: Core) -> None:
        direct = a_direct_client(direct_permission=DirectPermission(aggregation_numbers=["B-1"]))
        await core.knows(direct)
        found = await core.client_credentials(direct, None, [{"type": "cds_query_usage_hlp", "aggregation_numbers": ["B-1"]}])
        grant = await core.grant(found["cds_grant_ids"][0])
        assert (grant.status, grant.enabled_scope) == ("pending", "")
        assert grant.eta is not None

    async def test_changed_permission_reaches_existing_grants(self, core: Core) -> None:
        direct = a_direct_client()
        await core.knows(direct)
        found = await core.client_credentials(direct, "cds_query_accounts_hlp")
        narrower = DirectPermission(account_refs=["A-1"])
        await core.apply(direct.changed(direct_permission=narrower))
        last = (await core.published(found["cds_grant_ids"][0]))[-1]
        assert last.entries[0].permission == narrower
        assert last.entries_version == 2


class TestRepeatedRequests:
    """The third and later identical requests are answered from memory, but only while the database confirms it."""

    async def again(self, core: Core, client: AClient) -> httpx.Response:
        return await core.token(client, grant_type="client_credentials", scope=client.snapshot.scope.split()[0])

    async def warmed(self, core: Core, client: AClient) -> None:
        await core.knows(client)
        for _ in range(4):
            assert (await self.again(core, client)).status_code == 200

    async def test_every_token_is_a_new_one_and_recorded(self, core: Core) -> None:
        admin = an_admin_client()
        await self.warmed(core, admin)
        tokens = [(await self.again(core, admin)).json()["access_token"] for _ in range(3)]
        assert len(set(tokens)) == 3
        assert len(await core.outbox_bodies("cds.tokens", admin.client_id)) == 7
        assert all([await core.active(admin, token) for token in tokens])

    async def test_disabled_client_is_refused_at_once(self, core: Core) -> None:
        admin = an_admin_client()
        await self.warmed(core, admin)
        await core.apply(admin.changed(status="disabled"))
        assert (await self.again(core, admin)).status_code == 401

    async def test_ended_credential_is_refused_at_once(self, core: Core) -> None:
        admin = an_admin_client()
        await self.warmed(core, admin)
        await core.apply(admin.changed(credentials=[]))
        assert (await self.again(core, admin)).status_code == 401

    async def test_closed_grant_is_not_used_again(self, core: Core) -> None:
        admin = an_admin_client()
        await self.warmed(core, admin)
        old = (await core.claims((await self.again(core, admin)).json()["access_token"]))["cds_grant_ids"]
        await core.change(old[0], lambda grant: grant.end(GrantStatus.CLOSED, datetime.now(UTC)))
        answer = (await self.again(core, admin)).json()
        assert len(answer["cds_grant_ids"]) == 1
        assert answer["cds_grant_ids"] != old

    async def test_suspended_grant_gives_no_token(self, core: Core) -> None:
        direct = a_direct_client()
        await self.warmed(core, direct)
        grant_id = (await core.claims((await self.again(core, direct)).json()["access_token"]))["cds_grant_ids"][0]
        await core.change(grant_id, lambda grant: grant.suspend("operator", datetime.now(UTC)))
        assert (await self.again(core, direct)).json()["error"] == "unauthorized_client"

    async def test_wrong_secret_is_still_refused_and_counted(self, core: Core) -> None:
        admin = an_admin_client()
        await self.warmed(core, admin)
        wrong = basic(admin.client_id, "wrong")
        answers = [await core.token(admin, wrong, grant_type="client_credentials", scope="cds_client_admin") for _ in range(22)]
        assert [answer.status_code for answer in answers][:20] == [401] * 20
        assert answers[-1].status_code == 429
        assert (await self.again(core, admin)).status_code == 429

    async def test_many_at_once_are_each_recorded_once(self, core: Core) -> None:
        good, bad = an_admin_client(), an_admin_client()
        await self.warmed(core, good)
        await self.warmed(core, bad)
        await core.apply(bad.changed(credentials=[]))
        answers = await asyncio.gather(*(self.again(core, client) for _ in range(20) for client in (good, bad)))
        assert [answer.status_code for answer in answers] == [200, 401] * 20
        ids = {(await core.claims(answer.json()["access_token"]))["jti"] for answer in answers if answer.status_code == 200}
        bodies = await core.outbox_bodies("cds.tokens", good.client_id)
        assert (len(ids), len(bodies)) == (20, 24)
        assert all(any(jti in body for body in bodies) for jti in ids)
        assert sum("token.issued.v1" in body for body in await core.outbox_bodies("cds.tokens", bad.client_id)) == 4


class TestPrivateKeyJwt:
    """RFC 7523: Clients that registered a key set prove themselves by a signed assertion, once each."""

    def keyed(self) -> tuple[AClient, ECKey]:
        key = ECKey.generate_key("P-256", {"use": "sig", "kid": "k1"})
        client = a_direct_client(token_endpoint_auth_method="private_key_jwt", credentials=[], jwks={"keys": [key.as_dict(private=False)]})
        return client, key

    def form(self, client: AClient, key: ECKey, *, alg: str = "ES256", **changes: object) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": client.client_id, "sub": client.client_id, "aud": "http://localhost:8080", "jti": uuid4().hex, "exp": now + 60,
        } | changes  # fmt: skip
        values = {name: value for name, value in claims.items() if value is not None}
        return {
            "grant_type": "client_credentials",
            "scope": "cds_query_accounts_hlp",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": alg, "kid": "k1"}, values, key),
        }

    async def test_right_assertion_works_once(self, core: Core) -> None:
        client, key = self.keyed()
        await core.knows(client)
        form = self.form(client, key)
        assert (await core.http.post("/oauth/token", data=form)).status_code == 200
        again = await core.http.post("/oauth/token", data=form)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
        endpoint = self.form(client, key, aud=["http://localhost:8080/oauth/token"])
        assert (await core.http.post("/oauth/token", data=endpoint)).status_code == 200

    @pytest.mark.parametrize(
        "change",
        [
            {"aud": "https://elsewhere.example"},
            {"iss": "somebody"},
            {"exp": 1},
            {"exp": 4_000_000_000},
            {"exp": None},
            {"jti": None},
            {"nbf": 4_000_000_000},
        ],
    )
    async def test_faulty_claims(self, core: Core, change: dict[str, object]) -> None:
        client, key = self.keyed()
        await core.knows(client)
        answer = await core.http.post("/oauth/token", data=self.form(client, key, **change))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    async def test_foreign_key_wrong_method_and_two_methods(self, core: Core) -> None:
        client, key = self.keyed()
        other = an_admin_client()
        await core.knows(client, other)
        stranger = ECKey.generate_key("P-256", {"use": "sig", "kid": "k1"})
        assert (await core.http.post("/oauth/token", data=self.form(client, stranger))).status_code == 401
        borrowed = self.form(client, key, iss=other.client_id, sub=other.client_id)
        assert (await core.http.post("/oauth/token", data=borrowed)).status_code == 401
        both = await core.http.post("/oauth/token", data=self.form(client, key), headers=other.basic)
        assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
        garbage = self.form(client, key) | {"client_assertion": "a.b.c"}
        assert (await core.http.post("/oauth/token", data=garbage)).status_code == 401
