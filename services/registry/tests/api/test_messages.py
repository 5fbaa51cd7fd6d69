"""`/cds/v1/messages` and what operators answer (CDS-WG1-02 §6)."""

import base64
from typing import Any

import pytest

from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits

INVITE = {"cds_invite_code": "HLP-INV-2209"}
DIRECT = "cds_query_accounts_hlp"
DETAILS = [
    {"type": DIRECT, "account_numbers": ["90-4410"], "include_account_numbers": True, "include_account_details": True, "sync_until": "PT0S"}
]


def support(**changes: Any) -> dict[str, Any]:
    return {"previous_uri": None, "type": "support_request", "name": "Help", "description": "No data", **changes}


async def direct_party(registry: Registry) -> tuple[Party, dict[str, Any]]:
    party = await registry.party(f"cds_client_admin {DIRECT}", **INVITE)
    return party, await party.client(DIRECT)


def grant_request(client: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "previous_uri": None, "type": "grant_request", "name": "Contact data for account 90-4410", "description": "Ticket 40-118",
        "related_uri": client["cds_client_uri"], "grants_requested": [{"scope": DIRECT, "authorization_details": DETAILS}], **changes,
    }  # fmt: skip


class TestCreate:
    @pytest.mark.req("WG102-186", "WG102-193", "WG102-194", "WG102-154", "WG102-155", "WG102-156", "WG102-190", "WG102-161")
    async def test_server_sets_its_members(self, registry: Registry) -> None:
        party = await registry.party()
        sent = support(
            read=False, creator="x", status="complete", created="2020-01-01T00:00:00Z", message_id="mine", related_uri="https://x.example/a"
        )
        answer = await party.post("/cds/v1/messages", sent)
        assert answer.status_code == 201
        body = answer.json()
        assert_fits(body, "message")
        assert answer.headers["location"] == body["uri"]
        assert body["message_id"] != "mine"
        assert (body["read"], body["creator"], body["status"]) == (True, party.client_id, "pending")
        assert body["created"] == body["modified"] == "2026-11-24T18:00:00Z"
        assert (body["related_uri"], body["related_type"]) == ("https://x.example/a", "more_info")
        assert (await party.get(body["uri"])).json() == body

    @pytest.mark.req("WG102-187", "WG102-189", "WG102-191", "WG102-188")
    @pytest.mark.parametrize(
        "change",
        [
            {"type": "notification"}, {"type": "request_update"}, {"type": "field_changes"}, {"type": None}, {"name": None},
            {"name": ""}, {"description": 7}, {"name": "x" * 501}, {"previous_uri": "https://elsewhere.example/1"},
            {"previous_uri": "http://localhost:8080/cds/v1/messages/unknown"}, {"related_uri": "javascript:1"},
            {"type": "client_submission"}, {"type": "production_request"}, {"type": "grant_request"},
            {"type": "grant_request", "related_uri": "https://x.example/a", "grants_requested": []},
            {"attachments": [{"filename": "a", "mime_type": "x", "data": "AA=="}]},
            {"attachments": [{"filename": "a", "mime_type": "a/b", "data": "not base64!"}]},
            {"attachments": [{"filename": "a\nb", "mime_type": "a/b", "data": ""}]},
        ],
    )  # fmt: skip
    async def test_incomplete_or_invalid_is_400_and_not_stored(self, registry: Registry, change: dict[str, Any]) -> None:
        party = await registry.party()
        before = (await party.get("/cds/v1/messages")).json()
        answer = await party.post("/cds/v1/messages", support(**change))
        assert answer.status_code == 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await party.get("/cds/v1/messages")).json() == before

    async def test_previous_uri_of_another_registration_is_refused(self, registry: Registry) -> None:
        other = await registry.party(client_name="Other")
        theirs = (await other.post("/cds/v1/messages", support())).json()["uri"]
        party = await registry.party()
        assert (await party.post("/cds/v1/messages", support(previous_uri=theirs))).status_code == 400
        assert (await party.get(theirs)).status_code == 404
        assert (await party.patch(theirs, {"read": False})).status_code == 404

    @pytest.mark.req("WG102-158", "WG102-180", "WG102-192", "WG102-199")
    async def test_attachments_of_ten_megabytes_come_back_as_sent_and_larger_ones_are_413(self, registry: Registry) -> None:
        party = await registry.party()
        file = {"filename": "letter.pdf", "mime_type": "application/pdf", "data": base64.b64encode(b"%" * 10_000_000).decode()}
        answer = await party.post("/cds/v1/messages", support(attachments=[file]))
        assert answer.status_code == 201, answer.text[:200]
        assert (await party.get(answer.json()["uri"])).json()["attachments"] == [file]
        small = {"filename": "b", "mime_type": "a/b", "data": base64.b64encode(b"." * 1_100_000).decode()}
        assert (await party.post("/cds/v1/messages", support(attachments=[file, small]))).status_code == 413
        huge = {**file, "data": "AAAA" * 5_000_000}
        assert (await party.post("/cds/v1/messages", support(attachments=[huge]))).status_code == 413


class TestList:
    @pytest.mark.req("WG102-181", "WG102-182", "WG102-183", "WG102-185", "WG102-200")
    async def test_three_lists(self, registry: Registry) -> None:
        party = await registry.party()
        registry.later(seconds=3)
        mine = (await party.post("/cds/v1/messages", support())).json()
        note = (await party.post("/cds/v1/messages", support(type="private_message"))).json()
        body = (await party.get("/cds/v1/messages")).json()
        assert_fits(body, "message-list-response")
        assert [each["type"] for each in body["outstanding"]] == ["support_request", "production_request"]
        assert [each["type"] for each in body["unread"]] == ["production_request"]
        assert {each["message_id"] for each in body["read"]} == {mine["message_id"], note["message_id"]}
        links = [name for name in body if name.endswith(("_next", "_previous"))]
        assert len(links) == 6
        assert all(body[name] is None for name in links)
        filtered = (await party.get("/cds/v1/messages", params={"message_ids": mine["message_id"]})).json()
        assert [len(filtered[name]) for name in ("outstanding", "unread", "read")] == [1, 0, 1]

    @pytest.mark.req("WG102-184")
    async def test_a_page_of_one_list_leaves_the_others_empty(self, registry: Registry) -> None:
        from cds_registry.application.notify import server_message, store_message
        from cds_registry.domain.message import MessageStatus, MessageType

        party = await registry.party()
        async with registry.sessions.begin() as tx:
            for number in range(130):
                message = server_message(
                    party.registration_id, MessageType.NOTIFICATION, MessageStatus.COMPLETE, registry.now, name=str(number), description=""
                )
                await store_message(tx, message)
        first = (await party.get("/cds/v1/messages")).json()
        assert (len(first["unread"]), first["read_next"], first["outstanding_next"]) == (100, None, None)
        second = (await party.get(first["unread_next"])).json()
        assert_fits(second, "message-list-response")
        assert (len(second["unread"]), second["read"], second["outstanding"]) == (31, [], [])
        assert second["unread_previous"]
        ids = {each["message_id"] for each in (*first["unread"], *second["unread"])}
        assert len(ids) == 131


class TestPatch:
    @pytest.mark.req("WG102-201", "WG102-202", "WG102-203")
    async def test_only_read_moves(self, registry: Registry) -> None:
        party = await registry.party()
        message = (await party.messages())[0]
        registry.later(seconds=1)
        answer = await party.patch(message["uri"], {"read": True, "status": "complete", "name": "x"})
        assert answer.status_code == 200
        assert answer.json() == message | {"read": True, "modified": "2026-11-24T18:00:01Z"}
        for wrong in ("true", 1, None):
            assert (await party.patch(message["uri"], {"read": wrong})).status_code == 400
        assert (await party.patch(message["uri"], {})).json()["read"] is True


class TestGrantRequest:
    @pytest.mark.req("WG102-197", "WG102-172", "WG102-157", "WG102-160", "WG102-168", "WG102-166", "WG102-179")
    async def test_approval_makes_the_grants_and_settles_the_request(self, registry: Registry) -> None:
        party, client = await direct_party(registry)
        asked = await party.post("/cds/v1/messages", grant_request(client))
        assert asked.status_code == 201, asked.text
        request = asked.json()
        assert request["grants_requested"] == [{"scope": DIRECT, "authorization_details": DETAILS}]
        assert (request["related_type"], request["status"]) == ("client", "pending")
        assert registry.auth.created == []
        headers = await registry.operator()
        waiting = (await registry.http.get("/operator/api/v1/requests", headers=headers)).json()["requests"]
        assert [each["message"]["message_id"] for each in waiting] == [request["message_id"]]
        assert waiting[0]["client_name"] == "Kestrel Home Audits"
        registry.later(seconds=2)
        answer = await registry.http.post(f"/operator/api/v1/requests/{request['message_id']}/approve", headers=headers, json={})
        assert answer.status_code == 201, answer.text
        assert registry.auth.created[0]["client_id"] == client["client_id"]
        assert registry.auth.created[0]["authorization_details"] == DETAILS
        update = next(each for each in await party.messages() if each["type"] == "request_update")
        assert_fits(update, "message")
        assert (update["previous_uri"], update["status"], update["creator"]) == (request["uri"], "complete", None)
        assert (update["related_type"], update["related_uri"]) == ("grant_list", "http://localhost:8080/cds/v1/grants?grant_ids=grant-1")
        settled = (await party.get(request["uri"])).json()
        assert (settled["status"], settled["related_type"], settled["related_uri"]) == ("complete", "grant_list", update["related_uri"])
        assert await party.messages("outstanding") == []
        again = await registry.http.post(f"/operator/api/v1/requests/{request['message_id']}/approve", headers=headers, json={})
        assert again.status_code == 409

    @pytest.mark.req("WG102-186")
    async def test_only_messages_with_a_subject_line_need_one(self, registry: Registry) -> None:
        party, client = await direct_party(registry)
        asked = grant_request(client) | {"name": "", "description": ""}
        assert (await party.post("/cds/v1/messages", asked)).status_code == 201
        for kind in ("private_message", "support_request"):
            blank = {"previous_uri": None, "type": kind, "name": " ", "description": ""}
            assert (await party.post("/cds/v1/messages", blank)).status_code == 400

    @pytest.mark.req("WG102-174", "WG102-197")
    async def test_rejection_needs_and_tells_a_reason(self, registry: Registry) -> None:
        party, client = await direct_party(registry)
        request = (await party.post("/cds/v1/messages", grant_request(client))).json()
        headers, path = await registry.operator(), f"/operator/api/v1/requests/{request['message_id']}/reject"
        assert (await registry.http.post(path, headers=headers, json={})).status_code == 400
        assert (await registry.http.post(path, headers=headers, json={"reason": "  "})).status_code == 400
        assert (await registry.http.post(path, headers=headers, json={"reason": "No contract."})).status_code == 201
        update = next(each for each in await party.messages() if each["type"] == "request_update")
        assert (update["status"], update["description"]) == ("rejected", "No contract.")
        assert (await party.get(request["uri"])).json()["status"] == "rejected"
        assert registry.auth.created == []

    @pytest.mark.parametrize(
        "wanted",
        [
            {"scope": DIRECT, "authorization_details": [{"type": "cds_usage_hlp"}]},
            {"scope": "cds_usage_hlp", "authorization_details": []},
            {"scope": DIRECT, "authorization_details": [{"type": DIRECT, "account_numbers": []}]},
            {"scope": DIRECT}, {"authorization_details": []}, {"scope": "", "authorization_details": []}, "text",
        ],
    )  # fmt: skip
    async def test_details_that_the_target_cannot_have_are_refused_at_once(self, registry: Registry, wanted: Any) -> None:
        party, client = await direct_party(registry)
        answer = await party.post("/cds/v1/messages", grant_request(client, grants_requested=[wanted]))
        assert answer.status_code == 400, answer.text

    async def test_nothing_is_settled_when_auth_refuses_or_is_away(self, registry: Registry) -> None:
        party, client = await direct_party(registry)
        request = (await party.post("/cds/v1/messages", grant_request(client))).json()
        headers, path = await registry.operator(), f"/operator/api/v1/requests/{request['message_id']}/approve"
        registry.auth.refuses = "No such account."
        assert (await registry.http.post(path, headers=headers, json={})).status_code == 409
        registry.auth.refuses, registry.auth.reachable = None, False
        assert (await registry.http.post(path, headers=headers, json={})).status_code == 503
        assert (await party.get(request["uri"])).json() == request

    async def test_a_third_partys_client_may_be_the_target(self, registry: Registry) -> None:
        _, client = await direct_party(registry)
        party = await registry.party()
        assert (await party.post("/cds/v1/messages", grant_request(client))).status_code == 201


class TestProductionRequest:
    @pytest.mark.req("WG102-196", "WG102-171", "WG102-110", "WG102-111")
    async def test_approval_makes_a_production_twin_with_a_credential_and_keeps_the_sandbox_one(self, registry: Registry) -> None:
        party = await registry.party()
        sandbox = await party.client("cds_usage_hlp")
        sent = support(type="production_request", name="Go live", related_uri=sandbox["cds_client_uri"])
        request = (await party.post("/cds/v1/messages", sent)).json()
        assert_fits(request, "message")
        headers = await registry.operator()
        registry.later(seconds=2)
        await registry.beat()
        answer = await registry.http.post(
            f"/operator/api/v1/requests/{request['message_id']}/approve", headers=headers, json={"note": "Welcome."}
        )
        assert answer.status_code == 201, answer.text
        update = answer.json()
        assert (update["status"], update["description"], update["related_type"]) == ("complete", "Welcome.", "client")
        twin = (await party.get(update["related_uri"])).json()
        assert_fits(twin, "client", "client-customer-data-extension")
        assert (twin["cds_status"], twin["cds_status_options"]) == ("production", ["production", "disabled"])
        assert (twin["scope"], twin["client_name"]) == (sandbox["scope"], sandbox["client_name"])
        assert twin["redirect_uris"] == [f"http://localhost:8080/consent/done/{twin['client_id']}"]
        assert (await party.get(sandbox["cds_client_uri"])).json() == sandbox
        credentials = (await party.get("/cds/v1/credentials", params={"client_ids": twin["client_id"]})).json()["credentials"]
        assert len(credentials) == 1
        assert {each.get("related_type") for each in await party.messages()} >= {"client", "credential"}

    async def test_only_a_sandbox_object_of_the_own_registration_can_be_named(self, registry: Registry) -> None:
        other = await registry.party(client_name="Other")
        party = await registry.party()
        admin, foreign = await party.client("cds_client_admin"), await other.client("cds_usage_hlp")
        for client in (admin, foreign):
            sent = support(type="production_request", related_uri=client["cds_client_uri"])
            assert (await party.post("/cds/v1/messages", sent)).status_code == 400


class TestServerRequest:
    @pytest.mark.req("WG102-195", "WG102-188", "WG102-177", "WG102-204", "WG102-178")
    async def test_a_submission_moves_the_request_to_pending_and_the_operator_settles_it(self, registry: Registry) -> None:
        party = await registry.party()
        headers = await registry.operator()
        asked = {
            "name": "Insurance",
            "description": "Please send it.",
            "fields": [{"field": "policy", "name": "Policy", "description": "Number"}],
        }
        path = f"/operator/api/v1/registrations/{party.registration_id}/requests"
        request = (await registry.http.post(path, headers=headers, json=asked)).json()
        assert_fits(request, "message")
        assert (request["type"], request["status"]) == ("server_request", "open")

        def submission(**changes: Any) -> dict[str, Any]:
            answers = [{"field": "policy", "description": "P-77"}]
            return {
                "previous_uri": request["uri"],
                "type": "client_submission",
                "name": "",
                "description": "",
                "updates_requested": answers,
            } | changes

        for wrong in (
            {"updates_requested": [{"field": "other", "description": "x"}]}, {"updates_requested": []}, {"name": "x"},
            {"updates_requested": [{"field": "policy"}]}, {"previous_uri": None},
        ):  # fmt: skip
            assert (await party.post("/cds/v1/messages", submission(**wrong))).status_code == 400, wrong
        made = await party.post("/cds/v1/messages", submission())
        assert (made.status_code, made.json()["status"]) == (201, "complete")
        assert_fits(made.json(), "message")
        assert (await party.get(request["uri"])).json()["status"] == "pending"
        newer = submission(updates_requested=[{"field": "policy", "uri": "https://www.kestrel.example/policy.pdf"}])
        assert (await party.post("/cds/v1/messages", newer)).status_code == 201
        approve = f"/operator/api/v1/requests/{request['message_id']}/approve"
        assert (await registry.http.post(approve, headers=headers, json={})).status_code == 201
        assert (await party.get(request["uri"])).json()["status"] == "complete"

    @pytest.mark.req("WG102-198", "WG102-165", "WG102-153")
    async def test_operators_ask_answer_and_notify(self, registry: Registry) -> None:
        first, second = await registry.party(), await registry.party(client_name="Other")
        mine = (await first.post("/cds/v1/messages", support())).json()
        headers = await registry.operator()
        path = f"/operator/api/v1/messages/{mine['message_id']}/replies"
        reply = (await registry.http.post(path, headers=headers, json={"description": "Which account?"})).json()
        assert (reply["type"], reply["previous_uri"], reply["status"]) == ("private_message", mine["uri"], "complete")
        assert (await first.get(reply["uri"])).json() == reply
        assert (await second.get(reply["uri"])).status_code == 404
        news = {"name": "Maintenance", "description": "On Sunday."}
        assert (await registry.http.post("/operator/api/v1/notifications", headers=headers, json=news)).json() == {"sent": 2}
        for party in (first, second):
            assert [each["name"] for each in await party.messages() if each["type"] == "notification"] == ["Maintenance"]
