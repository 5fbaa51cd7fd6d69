"""`/cds/v1/clients` (CDS-WG1-02 §5, CDS-WG3-01 §8)."""

from typing import Any

import pytest

from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits

CONSENT = "cds_service_contracts_hlp cds_usage_hlp"
BACK = "https://app.kestrel.example/oauth/back"
MINE = {"id": "mine", "name": "Audit", "content": "We work out how much heat\nyour home loses.",
        "related_uri": "https://www.kestrel.example/terms", "related_name": "See our terms", "scopes_supported": []}  # fmt: skip
READ_ONLY = ("client_id", "client_id_issued_at", "grant_types", "response_types", "token_endpoint_auth_method", "cds_created",
             "cds_modified", "cds_client_uri", "cds_server_metadata", "cds_status_options")  # fmt: skip


async def consent_party(registry: Registry, **members: Any) -> tuple[Party, dict[str, Any]]:
    party = await registry.party(f"cds_client_admin {CONSENT}", contacts=["dev@kestrel.example"], **members)
    registry.later(seconds=5)
    return party, await party.client("cds_usage_hlp")


async def put(party: Party, client: dict[str, Any], **changes: Any) -> Any:
    return await party.put(f"/cds/v1/clients/{client['client_id']}", {**client, **changes})


class TestList:
    @pytest.mark.req("WG102-115", "WG102-289", "WG102-290")
    async def test_needs_an_admin_token_in_the_header(self, registry: Registry) -> None:
        party = await registry.party()
        token = registry.token(party.client_id, party.registration_id, scope="cds_usage_hlp", grants=(party.grant_id,))
        registry.tokens.known["other"] = token
        anonymous = await registry.http.get("/cds/v1/clients")
        assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, 'Bearer realm="cds"')
        bad = await registry.http.get("/cds/v1/clients", headers={"Authorization": "Bearer nonsense"})
        assert bad.status_code == 401
        assert 'error="invalid_token"' in bad.headers["www-authenticate"]
        other = await registry.http.get("/cds/v1/clients", headers={"Authorization": "Bearer other"})
        assert other.status_code == 403
        assert 'error="insufficient_scope"' in other.headers["www-authenticate"]
        in_query = await registry.http.get(f"/cds/v1/clients?access_token={party.token}")
        assert in_query.status_code == 401

    @pytest.mark.req("WG102-134", "WG102-136", "WG102-137", "WG102-116")
    async def test_shows_the_own_registration_newest_change_first(self, registry: Registry) -> None:
        other = await registry.party(client_name="Other")
        party, consent = await consent_party(registry)
        registry.later(seconds=5)
        await put(party, consent, client_name="Renamed")
        answer = await party.get("/cds/v1/clients")
        body = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert_fits(body, "client-list-response")
        assert (body["next"], body["previous"]) == (None, None)
        assert body["clients"][0]["client_id"] == consent["client_id"]
        assert other.client_id not in answer.text
        ids = f"{consent['client_id']} {other.client_id}"
        filtered = (await party.get("/cds/v1/clients", params={"client_ids": ids})).json()["clients"]
        assert [each["client_id"] for each in filtered] == [consent["client_id"]]
        assert (await party.get("/cds/v1/clients", params={"client_ids": "unknown"})).json()["clients"] == []

    @pytest.mark.req("WG102-135")
    async def test_a_hundred_objects_come_on_one_page_and_more_on_several(self, registry: Registry) -> None:
        party = await registry.party()
        await clone_clients(registry, party, total=100)
        first = (await party.get("/cds/v1/clients")).json()
        assert (len(first["clients"]), first["next"]) == (100, None)
        await clone_clients(registry, party, total=230)
        seen: list[str] = []
        url, page = "/cds/v1/clients", first
        while url:
            page = (await party.get(url)).json()
            seen += [each["client_id"] for each in page["clients"]]
            url = page["next"]
        assert len(seen) == len(set(seen)) == 230
        assert page["previous"] is not None

    @pytest.mark.req("WG102-133")
    async def test_an_ended_grant_and_a_disabled_client_end_the_token(self, registry: Registry) -> None:
        from services.registry.tests.builders import a_grant

        party = await registry.party()
        ended = a_grant(party.grant_id, registration_id=party.registration_id, client_id=party.client_id, version=2, status="closed")
        await registry.keep(ended)
        answer = await party.get("/cds/v1/clients")
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    async def test_a_revoked_token_is_refused(self, registry: Registry) -> None:
        from services.registry.tests.builders import a_grant

        party = await registry.party()
        revoked = a_grant(
            party.grant_id, registration_id=party.registration_id, client_id=party.client_id, version=2, revoked_token_parts=["family"]
        )
        await registry.keep(revoked)
        assert (await party.get("/cds/v1/clients")).status_code == 401

    async def test_a_silent_bus_makes_auth_the_judge_and_no_auth_closes(self, registry: Registry) -> None:
        party = await registry.party()
        assert registry.auth.asked == []
        registry.later(seconds=6)
        assert (await party.get("/cds/v1/clients")).status_code == 200
        assert registry.auth.asked == [party.grant_id]
        registry.auth.reachable = False
        closed = await party.get("/cds/v1/clients")
        assert closed.status_code == 503
        assert "retry-after" in closed.headers
        await registry.beat()
        assert (await party.get("/cds/v1/clients")).status_code == 200


async def clone_clients(registry: Registry, party: Party, *, total: int) -> None:
    from dataclasses import replace

    from cds_registry.application.notify import new_id
    from cds_registry.persistence.clients import Clients

    async with registry.sessions.begin() as tx:
        clients = Clients(tx, party.registration_id)
        held = await clients.all()
        for _ in range(total - len(held)):
            await clients.add(replace(held[-1], client_id=new_id()))


class TestGet:
    @pytest.mark.req("WG102-139", "WG102-117", "WG102-119", "WG102-121", "WG102-123", "WG102-124", "WG102-127", "WG102-131")
    async def test_gives_one_of_ours_and_404_for_anything_else(self, registry: Registry) -> None:
        other = await registry.party(client_name="Other")
        party, consent = await consent_party(registry)
        answer = await party.get(consent["cds_client_uri"])
        assert answer.json() == consent
        assert_fits(consent, "client", "client-customer-data-extension")
        assert consent["authorization_details_types"] == CONSENT.split()
        assert consent["client_id_issued_at"] == 1795543200
        assert consent["cds_created"] == "2026-11-24T18:00:00Z"
        for client_id in (other.client_id, "unknown", "x" * 500, "%00", "%FF", "a%00b"):
            foreign = await party.get(f"/cds/v1/clients/{client_id}")
            assert foreign.status_code == 404
            assert foreign.headers["content-type"] == "application/problem+json"


class TestPut:
    @pytest.mark.req(
        "WG102-141", "WG102-142", "WG102-147", "WG102-149", "WG102-122", "WG3C-001", "WG3C-002", "WG3C-006", "WG3C-009", "WG3C-016"
    )
    async def test_walkthrough_adds_a_redirect_address_and_a_purpose(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        default = consent["redirect_uris"][0]
        purposes = {"hlp-any-use": {**consent["cds_purposes"]["hlp-any-use"], "content": "changed by the client"}, "mine": MINE}
        answer = await put(
            party, consent, redirect_uris=[default, BACK], cds_default_scope="cds_service_contracts_hlp", cds_purposes=purposes
        )
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert_fits(body, "client", "client-customer-data-extension")
        assert body["redirect_uris"] == [default, BACK]
        assert body["cds_modified"] > consent["cds_modified"]
        assert body["cds_purposes"]["hlp-any-use"] == consent["cds_purposes"]["hlp-any-use"]
        mine = [each for key, each in body["cds_purposes"].items() if key != "hlp-any-use" and key == each["id"]]
        assert [(each["content"], each["scopes_supported"]) for each in mine] == [(MINE["content"], CONSENT.split())]
        changed = {name for name in body if body[name] != consent.get(name)}
        assert changed == {"redirect_uris", "cds_default_scope", "cds_purposes", "cds_modified"}

    @pytest.mark.req("WG102-145", "WG3C-013")
    async def test_redirect_uris_alone_is_enough_and_the_rest_goes_back_to_default(self, registry: Registry) -> None:
        party, consent = await consent_party(registry, client_uri="https://www.kestrel.example")
        await put(party, consent, cds_purposes={"mine": MINE}, cds_default_scope="cds_usage_hlp", scope="cds_usage_hlp")
        answer = await party.put(f"/cds/v1/clients/{consent['client_id']}", {"redirect_uris": [BACK]})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["redirect_uris"] == [BACK]
        assert body["cds_default_redirect_uri"] == BACK
        assert (body["scope"], body["cds_default_scope"]) == (CONSENT, CONSENT)
        assert body["client_name"] == body["client_id"]
        assert body["contacts"] == []
        assert "client_uri" not in body
        assert set(body["cds_purposes"]) == {"hlp-any-use"}
        assert (body["cds_status"], body["cds_default_authorization_details"]) == ("sandbox", [])

    @pytest.mark.req("WG102-143", "WG102-151")
    @pytest.mark.parametrize("member", [*READ_ONLY, "client_secret", "client_secret_expires_at"])
    async def test_server_set_members_cannot_be_changed(self, registry: Registry, member: str) -> None:
        party, consent = await consent_party(registry)
        other: Any = ["x"] if isinstance(consent.get(member), list) else "x"
        answer = await put(party, consent, **{member: other, "client_name": "Not this either"})
        assert answer.status_code == 400
        assert_fits(answer.json(), "registration-error-response")
        assert (await party.client("cds_usage_hlp")) == consent

    async def test_an_object_read_once_can_be_sent_twice(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        for name in ("First", "Second"):
            registry.later(seconds=1)
            answer = await put(party, consent, client_name=name)
            assert (answer.status_code, answer.json()["client_name"]) == (200, name)
            assert answer.json()["cds_modified"] > consent["cds_modified"]
        for wrong in ("2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z", consent["cds_modified"].removesuffix("Z"), 7):
            assert (await put(party, consent, cds_modified=wrong)).status_code == 400, wrong

    async def test_repeating_the_whole_object_changes_nothing(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        answer = await put(party, consent)
        assert (answer.status_code, answer.json()) == (200, consent)

    @pytest.mark.req("WG102-143")
    async def test_the_registration_response_can_be_sent_back(self, registry: Registry) -> None:
        party = await registry.party()
        path = f"/cds/v1/clients/{party.client_id}"
        answer = await party.put(path, party.answer | {"client_name": "Renamed"})
        assert (answer.status_code, answer.json()["client_name"]) == (200, "Renamed")
        assert "client_secret" not in answer.json()
        consent = await party.client("cds_usage_hlp")
        secret = party.answer["client_secret"]
        for wrong in ({"client_secret": secret}, {"client_secret_expires_at": 1}, {"client_secret": [secret]}, {"client_secret": None}):
            assert (await put(party, consent, **wrong)).status_code == 400, wrong

    @pytest.mark.req("WG3C-022", "WG102-144", "WG102-146", "WG102-148", "WG102-152", "WG3C-012", "WG3C-017", "WG3C-018")
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"redirect_uris": ["http://app.kestrel.example/back"]}, "invalid_redirect_uri"),
            ({"redirect_uris": ["https://app.kestrel.example/back#part"]}, "invalid_redirect_uri"),
            ({"redirect_uris": ["/back"]}, "invalid_redirect_uri"),
            ({"redirect_uris": ["http://localhost:8080/my"]}, "invalid_redirect_uri"),
            ({"redirect_uris": []}, "invalid_redirect_uri"),
            ({"redirect_uris": "https://app.kestrel.example"}, "invalid_redirect_uri"),
            ({"redirect_uris": [BACK], "cds_default_redirect_uri": "https://elsewhere.example"}, "invalid_redirect_uri"),
            ({"scope": "cds_usage_hlp cds_accounts_hlp"}, "invalid_client_metadata"),
            ({"scope": ""}, "invalid_client_metadata"),
            ({"scope": "cds_client_admin"}, "invalid_client_metadata"),
            ({"cds_default_scope": "cds_accounts_hlp"}, "invalid_client_metadata"),
            ({"cds_status": "production"}, "invalid_client_metadata"),
            ({"cds_status": 7}, "invalid_client_metadata"),
            ({"client_name": ""}, "invalid_client_metadata"),
            ({"logo_uri": "data:image/png;base64,AAAA"}, "invalid_client_metadata"),
            ({"contacts": [7]}, "invalid_client_metadata"),
            ({"authorization_details_types": ["cds_accounts_hlp"]}, "invalid_client_metadata"),
            ({"cds_default_authorization_details": [{"type": "cds_accounts_hlp"}]}, "invalid_client_metadata"),
            ({"cds_default_authorization_details": [{"type": "cds_usage_hlp", "segment_start": 7}]}, "invalid_client_metadata"),
            ({"cds_default_authorization_details": {}}, "invalid_client_metadata"),
            ({"cds_purposes": {"mine": MINE | {"content": " \n"}}}, "invalid_client_metadata"),
            ({"cds_purposes": {"mine": MINE | {"related_name": None}}}, "invalid_client_metadata"),
            ({"cds_purposes": {"mine": MINE | {"related_name": "two\nlines"}}}, "invalid_client_metadata"),
            ({"cds_purposes": {"mine": MINE | {"related_uri": "javascript:alert(1)"}}}, "invalid_client_metadata"),
            ({"cds_purposes": []}, "invalid_client_metadata"),
        ],
    )
    async def test_one_bad_member_fails_the_whole_request(self, registry: Registry, changes: dict[str, Any], code: str) -> None:
        party, consent = await consent_party(registry)
        answer = await put(party, consent, tos_uri="https://www.kestrel.example/tos", **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, code)
        assert answer.headers["content-type"] == "application/json"
        assert (await party.client("cds_usage_hlp")) == consent

    async def test_the_fault_of_default_details_is_said_of_their_type(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        answer = await put(party, consent, cds_default_authorization_details=[{"type": "cds_usage_hlp"}, {"type": "cds_accounts_hlp"}])
        assert answer.json()["error_description"] == "/cds_default_authorization_details the Client may not use this type (at /1/type)"
        answer = await put(party, consent, cds_default_authorization_details=[{"type": "unknown"}])
        assert answer.json()["error_description"] == "/cds_default_authorization_details the Client may not use this type (at /0/type)"

    @pytest.mark.req("WG3C-005", "WG3C-007", "WG3C-008", "WG3C-010", "WG3C-020")
    async def test_own_purposes_come_and_go_and_default_ones_stay(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        added = (await put(party, consent, cds_purposes={"a": MINE, "b": MINE | {"id": ""}})).json()
        own = [key for key in added["cds_purposes"] if key != "hlp-any-use"]
        assert len(own) == 2
        kept = {own[0]: added["cds_purposes"][own[0]] | {"id": "other", "scopes_supported": [], "content": "New text"}}
        body = (await put(party, added, cds_purposes=kept)).json()
        assert set(body["cds_purposes"]) == {"hlp-any-use", own[0]}
        assert body["cds_purposes"][own[0]] == added["cds_purposes"][own[0]] | {"content": "New text"}
        body = (await put(party, body, cds_purposes={})).json()
        assert set(body["cds_purposes"]) == {"hlp-any-use"}

    @pytest.mark.req("WG102-138")
    async def test_every_change_leaves_a_message(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        await put(party, consent, client_name="Renamed")
        told = [
            each
            for each in await party.messages()
            if each["related_uri"] == consent["cds_client_uri"] and each["type"] == "private_message"
        ]
        assert len(told) == 1
        assert "client_name" in told[0]["description"]
        assert (told[0]["creator"], told[0]["status"], told[0]["related_type"]) == (None, "complete", "client")
        assert_fits(told[0], "message")

    @pytest.mark.req("WG102-209", "WG102-133")
    async def test_disabling_is_enforced_at_auth_before_the_answer_and_ends_the_credentials(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        answer = await put(party, consent, cds_status="disabled")
        assert (answer.status_code, answer.json()["cds_status"]) == (200, "disabled")
        told = registry.auth.enforced[-1]
        assert (told.client_id, told.status, told.environment) == (consent["client_id"], "disabled", "sandbox")
        ends = (await party.get("/cds/v1/credentials", params={"client_ids": consent["client_id"]})).json()["credentials"]
        assert [each["client_secret_expires_at"] for each in ends] == [int(registry.now.timestamp())]
        registry.later(seconds=1)
        again = await put(party, answer.json(), cds_status="sandbox", cds_modified=answer.json()["cds_modified"])
        assert again.json()["cds_status"] == "sandbox"
        working = (await party.get("/cds/v1/credentials", params={"client_ids": consent["client_id"]})).json()["credentials"]
        assert sorted(each["client_secret_expires_at"] > 0 for each in working) == [False, True]

    async def test_without_auth_a_client_is_not_disabled(self, registry: Registry) -> None:
        party, consent = await consent_party(registry)
        registry.auth.reachable = False
        await registry.beat()
        answer = await put(party, consent, cds_status="disabled")
        assert answer.status_code == 503
        assert (await party.client("cds_usage_hlp")) == consent

    @pytest.mark.req("WG102-124")
    async def test_the_admin_object_cannot_be_disabled(self, registry: Registry) -> None:
        party = await registry.party()
        admin = await party.client("cds_client_admin")
        assert (await put(party, admin, cds_status="disabled")).status_code == 400

    @pytest.mark.req("WG102-116")
    async def test_another_registrations_object_is_not_found(self, registry: Registry) -> None:
        other = await registry.party(client_name="Other")
        party, _ = await consent_party(registry)
        answer = await party.put(f"/cds/v1/clients/{other.client_id}", {})
        assert answer.status_code == 404
