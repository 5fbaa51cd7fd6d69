"""What the other services ask at once: Grants, Clients, server-made Grants."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cds_auth.domain.grant_status import GrantStatus
from cds_common.events.clients import CredentialVerifier
from cds_common.events.grants import GrantPublishedV1
from services.auth.tests.core_builders import (
    AClient,
    a_consent_client,
    a_direct_client,
    a_grant_admin_client,
    an_admin_client,
    basic,
)
from services.auth.tests.core_driver import Core


class TestGuard:
    async def test_only_services_with_a_signed_call_get_in(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        assert (await core.http.get("/internal/grants/x")).status_code == 401
        assert (await core.http.get("/internal/grants/x", headers=await core.bearer(admin))).status_code == 401
        assert (await core.http.post("/internal/clients", json={}, headers=core.internal("usage"))).status_code == 401
        assert (await core.http.get("/internal/grants/x", headers=core.internal("usage"))).status_code == 404


class TestGrants:
    async def test_grant_reads_as_it_is_published(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        answer = await core.http.get(f"/internal/grants/{code.grant.grant_id}", headers=core.internal("usage"))
        read = GrantPublishedV1.model_validate_json(answer.content)
        published = (await core.published(code.grant.grant_id))[-1]
        same = {"event_id": published.event_id, "occurred_at": published.occurred_at, "correlation_id": published.correlation_id}
        assert read.model_copy(update=same) == published

    @pytest.mark.req("WG102-046", "WG3A-123")
    async def test_approved_request_becomes_a_grant_that_grant_admin_opens(self, core: Core) -> None:
        direct, grant_admin, admin = a_direct_client(), a_grant_admin_client(), an_admin_client()
        await core.knows(direct, grant_admin, admin, registration_id=f"registration-{uuid4().hex}")
        wanted = {
            "client_id": direct.client_id,
            "scope": "cds_query_accounts_hlp",
            "authorization_details": [
                {
                    "type": "cds_query_accounts_hlp",
                    "account_numbers": ["90-4410"],
                    "include_account_numbers": True,
                    "sync_until": "PT0S",
                }
            ],
            "requested_by_message": "message-1",
        }
        answer = await core.http.post("/internal/grants", json=wanted, headers=core.internal())
        assert answer.status_code == 201, answer.text
        (grant_id,) = answer.json()["grant_ids"]
        grant = await core.grant(grant_id)
        entry = grant.authorization_details[0]
        assert entry["account_numbers"] == ["90-4410"]
        assert abs(datetime.fromisoformat(entry["sync_until"]) - grant.created) < timedelta(seconds=1)
        assert (grant.states, grant.receipt_confirmations, grant.parent) == ((), (), None)
        published = (await core.published(grant_id))[-1]
        assert published.entries[0].permission is not None
        assert published.entries[0].permission.everything
        await core.ready(grant_id)
        opened = [{"type": "cds_grant_admin_hlp", "client_id": direct.client_id, "grant_id": grant_id}]
        assert (await core.client_credentials(grant_admin, "cds_grant_admin_hlp", opened))["access_token"]
        listed = (await core.http.get("/cds/v1/grants", headers=await core.bearer(admin))).json()["grants"]
        assert grant_id in {each["grant_id"] for each in listed}

    async def test_unbounded_or_impossible_requests_are_refused(self, core: Core) -> None:
        direct, consent = a_direct_client(direct_permission=None), a_consent_client()
        await core.knows(direct, consent)
        for client_id, scope, status in (
            (direct.client_id, "cds_query_accounts_hlp", 400),
            (direct.client_id, "cds_usage_hlp", 400),
            (consent.client_id, "cds_usage_hlp", 400),
            ("unknown~client", "cds_usage_hlp", 404),
        ):
            body = {"client_id": client_id, "scope": scope, "authorization_details": []}
            answer = await core.http.post("/internal/grants", json=body, headers=core.internal())
            assert answer.status_code == status, (client_id, scope, answer.text)

    @pytest.mark.req("WG102-050")
    async def test_shared_files_are_one_entry_each_and_no_client_gets_them_by_itself(self, core: Core) -> None:
        scope = "cds_server_provided_files_hlp"
        direct = a_direct_client()
        types = direct.snapshot.scope_types | {scope: "cds_server_provided_files"}
        direct.snapshot = direct.snapshot.model_copy(
            update={"scope": " ".join(types), "scope_types": types, "authorization_details_types": list(types)}
        )
        await core.knows(direct)
        details = [{"type": scope, "file_id": "f-1"}, {"type": scope, "file_id": "f-2"}]
        body = {"client_id": direct.client_id, "scope": scope, "authorization_details": details}
        answer = await core.http.post("/internal/grants", json=body, headers=core.internal())
        assert answer.status_code == 201, answer.text
        grant = await core.grant(answer.json()["grant_ids"][0])
        assert (grant.status, grant.scope, grant.authorization_details) == ("active", scope, details)
        refused = await core.token(direct, grant_type="client_credentials", authorization_details=details[:1])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")

    async def test_a_request_of_the_utility_makes_one_grant_however_often_it_is_asked(self, core: Core) -> None:
        direct, other = a_direct_client(), a_direct_client()
        await core.knows(direct, other)

        async def ask(client_id: str, message: str | None) -> str:
            details = [{"type": "cds_query_accounts_hlp", "account_numbers": ["90-4410"]}]
            body = {
                "client_id": client_id,
                "scope": "cds_query_accounts_hlp",
                "authorization_details": details,
                "requested_by_message": message,
            }
            answer = await core.http.post("/internal/grants", json=body, headers=core.internal())
            assert answer.status_code == 201, answer.text
            return answer.json()["grant_ids"][0]

        first = await ask(direct.client_id, "message-7:0")
        at_once = await asyncio.gather(*(ask(direct.client_id, "message-8:0") for _ in range(4)))
        assert await ask(direct.client_id, "message-7:0") == first
        assert len(set(at_once)) == 1
        distinct = {first, at_once[0], await ask(direct.client_id, "message-7:1"), await ask(other.client_id, "message-7:0")}
        distinct |= {await ask(direct.client_id, None), await ask(direct.client_id, None)}
        assert len(distinct) == 6
        assert len(await core.published(first)) == 1
        await core.change(first, lambda grant: grant.end(GrantStatus.DISABLED, datetime.now(UTC)))
        assert await ask(direct.client_id, "message-7:0") == first

    @pytest.mark.req("WG102-044")
    async def test_a_file_that_is_shared_no_longer_leaves_its_grants(self, core: Core) -> None:
        scope = "cds_server_provided_files_hlp"
        types = {scope: "cds_server_provided_files"}
        files = AClient(scope, types, [], token_endpoint_auth_method="none")
        await core.knows(files)

        async def share(*file_ids: str) -> str:
            details = [{"type": scope, "file_id": each} for each in file_ids]
            body = {"client_id": files.client_id, "scope": scope, "authorization_details": details}
            return (await core.http.post("/internal/grants", json=body, headers=core.internal())).json()["grant_ids"][0]

        async def unshare(file_id: str) -> list[str]:
            body = {"client_id": files.client_id, "file_id": file_id}
            answer = await core.http.post("/internal/grants/close-file", json=body, headers=core.internal())
            assert answer.status_code == 200, answer.text
            return answer.json()["grant_ids"]

        alone, with_another = await share("f-1"), await share("f-1", "f-2")
        assert await unshare("f-9") == []
        assert await unshare("f-1") == sorted([alone, with_another])
        ended, kept = await core.grant(alone), await core.grant(with_another)
        assert (ended.status, ended.enabled_scope) == ("disabled", "")
        assert (kept.status, kept.enabled_authorization_details) == ("active", [{"type": scope, "file_id": "f-2"}])
        assert (await core.published(alone))[-1].status == "disabled"
        assert await unshare("f-1") == []
        refused = await core.http.post("/internal/grants/close-file", json={}, headers=core.internal("usage"))
        assert refused.status_code == 401

    @pytest.mark.req("WG102-236", "WG102-228", "WG102-242")
    async def test_grant_for_later_begins_and_ends_by_the_clock(self, core: Core) -> None:
        from cds_auth.application.scheduler import tick

        direct, admin = a_direct_client(), an_admin_client()
        await core.knows(direct, admin, registration_id=f"registration-{uuid4().hex}")
        begins, ends = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(hours=2)
        body = {
            "client_id": direct.client_id,
            "scope": "cds_query_accounts_hlp",
            "authorization_details": [{"type": "cds_query_accounts_hlp", "account_numbers": ["1"]}],
            "not_before": begins.isoformat(),
            "not_after": ends.isoformat(),
        }
        grant_id = (await core.http.post("/internal/grants", json=body, headers=core.internal())).json()["grant_ids"][0]
        await core.ready(grant_id)
        bearer = await core.bearer(admin)

        async def read() -> dict[str, object]:
            return (await core.http.get(f"/cds/v1/grants/{grant_id}", headers=bearer)).json()

        waiting = await read()
        assert (waiting["status"], waiting["enabled_scope"]) == ("future", "")
        assert waiting["not_before"] == begins.isoformat().replace("+00:00", "Z")
        await tick(core.sessions, core.rules, begins - timedelta(seconds=1))
        assert (await read())["status"] == "future"
        await tick(core.sessions, core.rules, begins)
        begun = await read()
        assert (begun["status"], begun["enabled_scope"]) == ("active", "cds_query_accounts_hlp")
        await tick(core.sessions, core.rules, ends)
        over = await read()
        assert (over["status"], over["enabled_scope"], over["enabled_authorization_details"]) == ("expired", "", [])
        assert over["not_after"] == over["expires"]


class TestClients:
    @pytest.mark.req("WG102-133")
    async def test_disabled_client_loses_everything_at_once_and_gets_its_grants_back(self, core: Core) -> None:
        client, admin = a_consent_client(), an_admin_client()
        await core.knows(client, admin, registration_id=f"registration-{uuid4().hex}")
        code = await core.consent(client)
        found = (await core.token(client, **code.form())).json()
        disabled = client.changed(status="disabled")
        answer = await core.http.post("/internal/clients", content=disabled.model_dump_json(), headers=core.internal() | _JSON)
        assert answer.status_code == 204
        assert (await core.token(client, grant_type="refresh_token", refresh_token=found["refresh_token"])).status_code == 401
        assert not await core.active(admin, found["access_token"])
        assert (await core.published(code.grant.grant_id))[-1].status == "suspended"
        again = await core.http.post("/internal/clients", content=disabled.model_dump_json(), headers=core.internal() | _JSON)
        assert again.status_code == 204
        await core.apply(client.changed(status="sandbox"))
        assert (await core.grant(code.grant.grant_id)).status == "active"

    async def test_client_with_very_many_grants_is_finished_by_the_clock(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        from cds_auth.application import apply_client
        from cds_auth.application.scheduler import tick

        monkeypatch.setattr(apply_client, "AT_ONCE", 2)
        client = a_consent_client()
        await core.knows(client)
        ids = [(await core.consent(client)).grant.grant_id for _ in range(5)]

        async def statuses() -> list[str]:
            return sorted([(await core.grant(grant_id)).status.value for grant_id in ids])

        for status, expected in (("disabled", "suspended"), ("sandbox", "active")):
            other = "active" if expected == "suspended" else "suspended"
            await core.apply(client.changed(status=status))
            assert sorted([expected] * 2 + [other] * 3) == await statuses()
            await tick(core.sessions, core.rules, datetime.now(UTC))
            assert await statuses() == [expected] * 5

    @pytest.mark.req("WG102-221")
    async def test_ended_credential_takes_only_its_own_tokens_along(self, core: Core) -> None:
        client, donor = a_consent_client(), a_consent_client()
        second = CredentialVerifier(credential_id="second", secret_hmac=donor.snapshot.credentials[0].secret_hmac)
        client.snapshot = client.snapshot.model_copy(update={"credentials": [*client.snapshot.credentials, second]})
        await core.knows(client)
        other = basic(client.client_id, donor.secret)
        first = (await core.token(client, **(await core.consent(client)).form())).json()
        kept = (await core.token(client, other, **(await core.consent(client)).form())).json()
        ended = client.snapshot.credentials[0].model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
        snapshot = client.changed(credentials=[ended, second])
        await core.http.post("/internal/clients", content=snapshot.model_dump_json(), headers=core.internal() | _JSON)

        async def alive(token: str) -> bool:
            return (await core.http.post("/oauth/introspect", data={"token": token}, headers=other)).json()["active"]

        assert (await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])).status_code == 401
        assert (await core.token(client, other, grant_type="refresh_token", refresh_token=first["refresh_token"])).status_code == 400
        assert not await alive(first["access_token"])
        assert await alive(kept["access_token"])
        assert (await core.token(client, other, grant_type="refresh_token", refresh_token=kept["refresh_token"])).status_code == 200

    async def test_older_snapshot_changes_nothing(self, core: Core) -> None:
        client = a_consent_client(version=5)
        await core.knows(client)
        old = client.snapshot.model_copy(update={"version": 4, "status": "disabled"})
        await core.apply(old)
        code = await core.consent(client)
        assert (await core.token(client, **code.form())).status_code == 200


_JSON = {"content-type": "application/json"}
