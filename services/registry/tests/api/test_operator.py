"""The operator API and console: roles, changes of Client Objects, reviews, audit."""

from typing import Any

import pytest
from sqlalchemy import update

from cds_registry.application.modify_client import ReviewPolicy
from cds_registry.application.operators import Role
from cds_registry.persistence.audit import first_break
from cds_registry.persistence.tables import AuditRow
from services.registry.tests.builders import Registry
from services.registry.tests.schemas import assert_fits

MINE = {"id": "", "name": "Audit", "content": "We look.", "related_uri": None, "scopes_supported": []}


@pytest.fixture
def policy() -> ReviewPolicy:
    """The sandbox is reviewed too, so that reviews can be tried without a production object."""
    fields = frozenset({"client_name", "cds_purposes"})
    return ReviewPolicy(fields, fields)


class TestReview:
    @pytest.mark.req("WG102-150", "WG102-164", "WG102-160", "WG102-177", "WG3C-011")
    async def test_reviewed_members_keep_their_value_until_an_operator_approves(self, registry: Registry) -> None:
        party = await registry.party()
        consent = await party.client("cds_usage_hlp")
        wanted = consent | {"cds_purposes": {"mine": MINE}, "tos_uri": "https://www.kestrel.example/tos", "client_name": "New name"}
        answer = await party.put(consent["cds_client_uri"], wanted)
        assert answer.status_code == 202
        body = answer.json()
        assert (body["tos_uri"], body["client_name"]) == ("https://www.kestrel.example/tos", "Kestrel Home Audits")
        assert body["cds_purposes"] == consent["cds_purposes"]
        assert (await party.client("cds_usage_hlp")) == body
        reviews = [each for each in await party.messages("outstanding") if each["type"] == "field_changes"]
        assert {each["updates_requested"][0]["field"] for each in reviews} == {"client_name", "cds_purposes"}
        for review in reviews:
            assert_fits(review, "message")
            assert (review["creator"], review["related_uri"]) == (None, consent["cds_client_uri"])
        assert (await party.put(consent["cds_client_uri"], wanted | {"cds_modified": body["cds_modified"]})).status_code == 202
        again = [each for each in await party.messages("outstanding") if each["type"] == "field_changes"]
        assert len(again) == 2
        headers = await registry.operator()
        for review in reviews:
            path = f"/operator/api/v1/requests/{review['message_id']}/approve"
            assert (await registry.http.post(path, headers=headers, json={})).status_code == 201
        now = await party.client("cds_usage_hlp")
        assert now["client_name"] == "New name"
        assert [each["content"] for key, each in now["cds_purposes"].items() if key != "hlp-any-use"] == ["We look."]
        assert [each for each in await party.messages("outstanding") if each["type"] == "field_changes"] == []

    async def test_a_later_wish_replaces_the_waiting_one_and_a_rejection_changes_nothing(self, registry: Registry) -> None:
        party = await registry.party()
        consent = await party.client("cds_usage_hlp")
        await party.put(consent["cds_client_uri"], consent | {"client_name": "First"})
        await party.put(consent["cds_client_uri"], consent | {"client_name": "Second"})
        waiting = [each for each in await party.messages("outstanding") if each["type"] == "field_changes"]
        assert [each["updates_requested"][0]["new_value"] for each in waiting] == ["Second"]
        path = f"/operator/api/v1/requests/{waiting[0]['message_id']}/reject"
        await registry.http.post(path, headers=await registry.operator(), json={"reason": "Misleading."})
        assert (await party.client("cds_usage_hlp"))["client_name"] == "Kestrel Home Audits"


class TestClients:
    async def test_a_client_that_the_operator_disabled_stays_so(self, registry: Registry) -> None:
        party = await registry.party()
        consent = await party.client("cds_usage_hlp")
        headers, path = await registry.operator(), f"/operator/api/v1/clients/{consent['client_id']}"
        assert (await registry.http.post(f"{path}/disable", headers=headers, json={"reason": " "})).status_code == 400
        registry.auth.reachable = False
        assert (await registry.http.post(f"{path}/disable", headers=headers, json={"reason": "Abuse"})).status_code == 503
        registry.auth.reachable = True
        answer = await registry.http.post(f"{path}/disable", headers=headers, json={"reason": "Abuse"})
        assert answer.json()["client"]["cds_status"] == "disabled"
        assert registry.auth.enforced[-1].status == "disabled"
        shown = await party.client("cds_usage_hlp")
        assert_fits(shown, "client")
        assert shown["cds_status_options"] == ["disabled"]
        assert (await party.put(consent["cds_client_uri"], {"cds_status": "sandbox"})).status_code == 400
        assert (await party.put(consent["cds_client_uri"], {"redirect_uris": ["https://a.example/b"]})).json()["cds_status"] == "disabled"
        enabled = await registry.http.post(f"{path}/enable", headers=headers)
        assert enabled.json()["client"]["cds_status"] == "sandbox"

    async def test_a_disabled_admin_object_ends_the_registrations_access(self, registry: Registry) -> None:
        party = await registry.party()
        path = f"/operator/api/v1/clients/{party.client_id}/disable"
        assert (await registry.http.post(path, headers=await registry.operator(), json={"reason": "Abuse"})).status_code == 200
        assert (await party.get("/cds/v1/clients")).status_code == 401

    async def test_the_utility_sets_permission_website_and_pkce(self, registry: Registry) -> None:
        party = await registry.party("cds_client_admin cds_query_accounts_hlp", cds_invite_code="HLP-INV-2209")
        direct = await party.client("cds_query_accounts_hlp")
        headers, path = await registry.operator(), f"/operator/api/v1/clients/{direct['client_id']}"
        before = (await registry.http.get(path, headers=headers)).json()
        assert before["permission"]["account_refs"] == ["AC-B-310-77"]
        wider = {"permission": {"everything": True}}
        assert (await registry.http.patch(path, headers=headers, json=wider)).json()["permission"]["everything"] is True
        assert (await registry.http.patch(path, headers=headers, json={"pkce_exempt": True})).status_code == 400
        assert (await registry.http.patch(path, headers=headers, json={"client_uri_verified": True})).status_code == 400

    async def test_a_changed_website_is_no_longer_verified(self, registry: Registry) -> None:
        party = await registry.party(client_uri="https://www.kestrel.example")
        consent = await party.client("cds_usage_hlp")
        headers, path = await registry.operator(), f"/operator/api/v1/clients/{consent['client_id']}"
        verified = await registry.http.patch(path, headers=headers, json={"client_uri_verified": True})
        assert verified.json()["client_uri_verified"] is True
        await party.put(consent["cds_client_uri"], {"client_uri": "https://www.kestrel.example", "tos_uri": "https://a.example/"})
        assert (await registry.http.get(path, headers=headers)).json()["client_uri_verified"] is True
        await party.put(consent["cds_client_uri"], {"client_uri": "https://bank.example"})
        assert (await registry.http.get(path, headers=headers)).json()["client_uri_verified"] is False

    async def test_roles_hold(self, registry: Registry) -> None:
        party = await registry.party()
        viewer, reviewer = await registry.operator(Role.viewer, "vera"), await registry.operator(Role.reviewer, "rita")
        waiting = (await registry.http.get("/operator/api/v1/requests", headers=viewer)).json()["requests"][0]["message"]["message_id"]
        path = f"/operator/api/v1/requests/{waiting}/reject"
        assert (await registry.http.post(path, headers=viewer, json={"reason": "x"})).status_code == 403
        disable = f"/operator/api/v1/clients/{party.client_id}/disable"
        assert (await registry.http.post(disable, headers=reviewer, json={"reason": "x"})).status_code == 403
        assert (
            await registry.http.post("/operator/api/v1/operators", headers=reviewer, json={"name": "x", "role": "admin"})
        ).status_code == 403
        assert (await registry.http.get("/operator/api/v1/me", headers=reviewer)).json() == {"name": "rita", "role": "reviewer"}
        for bad in ({}, {"Authorization": "Bearer cdsop_wrong"}, {"Authorization": f"Bearer {party.token}"}):
            assert (await registry.http.get("/operator/api/v1/clients", headers=bad)).status_code == 401

    async def test_accounts_are_made_renewed_and_ended(self, registry: Registry) -> None:
        admin = await registry.operator()
        made = (await registry.http.post("/operator/api/v1/operators", headers=admin, json={"name": "tool", "role": "viewer"})).json()
        own = {"Authorization": f"Bearer {made['key']}"}
        assert (await registry.http.get("/operator/api/v1/me", headers=own)).json()["name"] == "tool"
        again = await registry.http.post("/operator/api/v1/operators", headers=admin, json={"name": "tool", "role": "viewer"})
        assert again.status_code == 409
        renewed = (await registry.http.post("/operator/api/v1/operators/tool/renew", headers=admin)).json()
        assert (await registry.http.get("/operator/api/v1/me", headers=own)).status_code == 401
        own = {"Authorization": f"Bearer {renewed['key']}"}
        assert (await registry.http.delete("/operator/api/v1/operators/tool", headers=admin)).status_code == 204
        for name in ("tool", "unknown"):
            assert (await registry.http.post(f"/operator/api/v1/operators/{name}/renew", headers=admin)).status_code == 404
            assert (await registry.http.delete(f"/operator/api/v1/operators/{name}", headers=admin)).status_code == 404
        assert (await registry.http.get("/operator/api/v1/me", headers=own)).status_code == 401


class TestAudit:
    @pytest.mark.req("WG102-285")
    async def test_tells_who_did_what_and_shows_tampering(self, registry: Registry) -> None:
        party = await registry.party()
        await party.post("/cds/v1/credentials", {"client_id": party.client_id})
        headers = await registry.operator()
        await registry.http.post(f"/operator/api/v1/clients/{party.client_id}/disable", headers=headers, json={"reason": "Abuse"})
        found = (
            await registry.http.get("/operator/api/v1/audit", headers=headers, params={"registration_id": party.registration_id})
        ).json()
        assert [(each["action"], each["actor"].split(":")[0]) for each in found["entries"]] == [
            ("client.disabled", "operator"), ("credential.added", "client"), ("registration.made", "address"),
        ]  # fmt: skip
        assert party.answer["client_secret"] not in str(found)
        check = await registry.http.get("/operator/api/v1/audit/verification", headers=headers)
        assert check.json() == {"sound": True, "first_break": None}
        position = found["entries"][1]["position"]
        async with registry.sessions.begin() as tx:
            await tx.execute(update(AuditRow).where(AuditRow.position == position).values(actor="operator:nobody"))
            assert await first_break(tx) == position


class TestConsole:
    async def _log_in(self, registry: Registry) -> Any:
        from cds_registry.application.operators import create_operator

        async with registry.sessions.begin() as tx:
            made = await create_operator(tx, "grace", Role.admin, created_by="server:test", now=registry.now)
        page = await registry.http.get("/operator/login")
        return made, await registry.http.post("/operator/login", data={"csrf": csrf(page), "name": "grace", "password": made.password})

    async def test_pages_need_a_login_and_forms_need_their_token(self, registry: Registry) -> None:
        party = await registry.party()
        for path in ("/operator", "/operator/clients", "/operator/messages", "/operator/files", "/operator/audit"):
            assert (await registry.http.get(path)).headers["location"] == "/operator/login"
        assert (await registry.http.post("/operator/login", data={"name": "grace", "password": "x"})).status_code == 403
        _, answer = await self._log_in(registry)
        assert (answer.status_code, answer.headers["location"]) == (303, "/operator")
        cookie = answer.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
        for path in ("/operator", "/operator/clients", "/operator/messages", "/operator/files", "/operator/audit"):
            page = await registry.http.get(path)
            assert page.status_code == 200, page.text
            assert page.headers["cache-control"] == "no-store"
        page = await registry.http.get(f"/operator/clients/{party.client_id}")
        assert party.answer["client_secret"] not in page.text
        disable = f"/operator/clients/{party.client_id}/disable"
        assert (await registry.http.post(disable, data={"reason": "x"})).status_code == 403
        done = await registry.http.post(disable, data={"reason": "x", "csrf": csrf(page)})
        assert done.status_code == 303
        assert registry.auth.enforced[-1].client_id == party.client_id

    async def test_a_request_is_settled_on_its_page(self, registry: Registry) -> None:
        party = await registry.party(client_name="<script>alert(1)</script>")
        await self._log_in(registry)
        waiting = (await party.messages("outstanding"))[0]
        page = await registry.http.get(f"/operator/messages/{waiting['message_id']}")
        assert "<script>" not in page.text
        done = await registry.http.post(f"/operator/messages/{waiting['message_id']}/approve", data={"csrf": csrf(page), "note": "Fine"})
        assert done.status_code == 303, done.text
        assert {each["cds_status"] for each in await party.clients() if each["response_types"]} == {"sandbox", "production"}
        out = await registry.http.post("/operator/logout", data={"csrf": csrf(await registry.http.get("/operator"))})
        assert out.status_code == 303
        assert (await registry.http.get("/operator")).headers["location"] == "/operator/login"

    async def test_a_wrong_password_is_refused_without_saying_what_was_wrong(self, registry: Registry) -> None:
        await self._log_in(registry)
        page = await registry.http.get("/operator/login")
        answers = [
            await registry.http.post("/operator/login", data={"csrf": csrf(page), "name": name, "password": "wrong"})
            for name in ("grace", "nobody")
        ]
        assert [each.status_code for each in answers] == [403, 403]
        assert all("Name or password is not correct" in each.text for each in answers)


class TestHumanRegistration:
    @pytest.mark.req("WG102-023", "WG102-205")
    async def test_the_form_registers_by_the_same_rules(self, registry: Registry) -> None:
        page = await registry.http.get("/registration")
        assert page.status_code == 200
        data = {"csrf": csrf(page), "client_name": "By hand", "contacts": "a@b.example c@d.example", "scopes": ["cds_usage_hlp"]}
        assert (await registry.http.post("/registration", data=data | {"csrf": "x"})).status_code == 403
        bad = await registry.http.post("/registration", data=data | {"client_uri": "http://x.example"})
        assert bad.status_code == 400
        assert "must use https" in bad.text
        assert 'value="By hand"' in bad.text
        done = await registry.http.post("/registration", data=data)
        assert done.status_code == 201, done.text
        assert done.headers["cache-control"] == "no-store"
        headers = await registry.operator()
        found = (await registry.http.get("/operator/api/v1/registrations", headers=headers)).json()["registrations"]
        assert [(each["client_name"], each["contacts"], each["clients"]) for each in found] == [
            ("By hand", ["a@b.example", "c@d.example"], 3)
        ]


def csrf(page: Any) -> str:
    return page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
