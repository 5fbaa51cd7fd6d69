"""The Grants API: list, read, change."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from cds_auth.domain.grant_status import GrantStatus
from cds_common.testing.schemas import assert_valid, first_fault
from services.auth.tests.core_builders import AClient, a_consent_client, a_direct_client, an_admin_client
from services.auth.tests.core_driver import Core

GRANTS = "/cds/v1/grants"


async def a_registration(core: Core) -> tuple[AClient, AClient, AClient, dict[str, str]]:
    """Admin, direct and consent Client of one registration, and an admin token."""
    admin, direct, consent = an_admin_client(), a_direct_client(), a_consent_client()
    await core.knows(admin, direct, consent, registration_id=f"registration-{uuid4().hex}")
    return admin, direct, consent, await core.bearer(admin)


class TestAccess:
    @pytest.mark.req("WG102-289", "WG102-290")
    async def test_anonymous_and_bad_tokens(self, core: Core) -> None:
        _, _, _, bearer = await a_registration(core)
        token = bearer["Authorization"].split()[1]
        anonymous = await core.http.get(GRANTS)
        assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, 'Bearer realm="cds"')
        assert anonymous.headers["content-type"] == "application/problem+json"
        garbage = await core.http.get(GRANTS, headers={"Authorization": "Bearer garbage"})
        assert garbage.status_code == 401
        assert 'error="invalid_token"' in garbage.headers["www-authenticate"]
        assert (await core.http.get(GRANTS, params={"access_token": token})).status_code == 401
        assert (await core.http.get(GRANTS, cookies={"access_token": token})).status_code == 401

    @pytest.mark.req("WG102-290")
    async def test_token_of_another_scope(self, core: Core) -> None:
        _, direct, _, _ = await a_registration(core)
        answer = await core.http.get(GRANTS, headers=await core.bearer(direct, "cds_query_accounts_hlp"))
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]

    @pytest.mark.req("WG102-225", "WG102-264")
    async def test_only_grants_of_the_own_registration(self, core: Core) -> None:
        _, direct, consent, bearer = await a_registration(core)
        _, _, _, stranger = await a_registration(core)
        found = await core.client_credentials(direct, "cds_query_accounts_hlp")
        code = await core.consent(consent)
        listed = (await core.http.get(GRANTS, headers=bearer)).json()["grants"]
        assert {code.grant.grant_id, *found["cds_grant_ids"]} <= {grant["grant_id"] for grant in listed}
        assert len(listed) == 3
        assert len((await core.http.get(GRANTS, headers=stranger)).json()["grants"]) == 1
        own = f"{GRANTS}/{code.grant.grant_id}"
        for answer in (
            await core.http.get(GRANTS, headers=bearer),
            await core.http.get(own, headers=bearer),
            await core.http.patch(own, json={}, headers=bearer),
        ):
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        uri = f"{GRANTS}/{code.grant.grant_id}"
        assert (await core.http.get(uri, headers=stranger)).status_code == 404
        assert (await core.http.patch(uri, json={"status": "closed"}, headers=stranger)).status_code == 404
        assert (await core.http.get(f"{GRANTS}/unknown", headers=bearer)).status_code == 404


class TestList:
    @pytest.mark.req("WG102-226", "WG102-230", "WG102-231", "WG102-232", "WG102-259", "WG102-233")
    async def test_grant_after_consent(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent, state="job-5512 a+b")
        answer = await core.http.get(GRANTS, params={"grant_ids": code.grant.grant_id}, headers=bearer)
        assert_valid("grant-list-response.json", answer.content)
        (grant,) = answer.json()["grants"]
        assert first_fault("grant.json", grant) is None
        assert len(grant) == 20
        assert grant["uri"] == f"http://localhost:8080/cds/v1/grants/{code.grant.grant_id}"
        assert (grant["parent"], grant["children"], grant["replacing"], grant["replaced_by"]) == (None, [], [], [])
        assert (grant["not_before"], grant["not_after"], grant["expires"], grant["eta"]) == (None, None, None, None)
        assert (grant["status"], grant["scope"], grant["enabled_scope"]) == ("active", "cds_usage_hlp", "cds_usage_hlp")
        assert grant["authorization_details"] == grant["enabled_authorization_details"] == code.grant.authorization_details
        assert grant["states"] == ["job-5512 a+b"]
        assert grant["receipt_confirmations"] == list(code.grant.receipt_confirmations)
        read = await core.http.get(grant["uri"], headers=bearer)
        assert read.json() == grant

    @pytest.mark.req("WG102-260", "WG102-261", "WG102-262")
    async def test_filters(self, core: Core) -> None:
        admin, direct, consent, bearer = await a_registration(core)
        code = await core.consent(consent, "cds_usage_hlp cds_service_contracts_hlp", state="job-5512 a+b")
        other = await core.consent(consent, state="job-2")
        query = await core.client_credentials(direct, "cds_query_accounts_hlp")

        async def ids(**params: str) -> set[str]:
            answer = await core.http.get(GRANTS, params=params, headers=bearer)
            assert answer.status_code == 200, answer.text
            return {grant["grant_id"] for grant in answer.json()["grants"]}

        both = {code.grant.grant_id, other.grant.grant_id}
        assert await ids(client_ids=consent.client_id) == both
        assert await ids(client_ids=f"{consent.client_id} {direct.client_id}") == both | set(query["cds_grant_ids"])
        assert await ids(grant_ids=f"{code.grant.grant_id} nothing") == {code.grant.grant_id}
        assert await ids(scopes="cds_service_contracts_hlp") == {code.grant.grant_id}
        assert await ids(scopes="cds_usage_hlp") == both
        assert await ids(scopes="cds_usage") == set()
        assert await ids(states="job-5512 a+b") == {code.grant.grant_id}
        assert await ids(states="job-2 other") == {other.grant.grant_id}
        assert await ids(receipt_confirmations=other.grant.receipt_confirmations[0]) == {other.grant.grant_id}
        assert await ids(statuses="revoked") == set()
        assert await ids(statuses="active", client_ids=consent.client_id, states="job-2") == {other.grant.grant_id}
        assert await ids(parents="nobody") == set()
        moment = code.grant.created.isoformat().replace("+00:00", "Z")
        assert code.grant.grant_id in await ids(after=moment, before=moment)
        later = (code.grant.created + timedelta(days=1)).strftime("%Y-%m-%dT%H:%MZ")
        assert await ids(after=later) == set()
        assert len(await ids(before=later)) == 4
        assert (await core.http.get(GRANTS, params={"after": "yesterday"}, headers=bearer)).status_code == 400
        assert admin.client_id

    @pytest.mark.req("WG102-263")
    async def test_last_modified_comes_first(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        old, new = await core.consent(consent), await core.consent(consent)
        listed = [grant["grant_id"] for grant in (await core.http.get(GRANTS, headers=bearer)).json()["grants"]]
        assert listed[:2] == [new.grant.grant_id, old.grant.grant_id]
        await core.http.patch(f"{GRANTS}/{old.grant.grant_id}", json={"status": "closed"}, headers=bearer)
        listed = [grant["grant_id"] for grant in (await core.http.get(GRANTS, headers=bearer)).json()["grants"]]
        assert listed[:2] == [old.grant.grant_id, new.grant.grant_id]

    async def test_pages_of_a_hundred_hold_everything_once(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent)
        async with core.sessions.begin() as tx:
            columns = [
                row[0]
                for row in await tx.execute(text("SELECT attname FROM pg_attribute WHERE attrelid = 'grants'::regclass AND attnum > 0"))
            ]
            names = ", ".join(column for column in columns if column != "grant_id")
            copy = f"INSERT INTO grants (grant_id, {names}) SELECT grant_id || '-' || n, {names} FROM grants, generate_series(1, 120) n WHERE grant_id = :id"  # noqa: E501
            await tx.execute(text(copy), {"id": code.grant.grant_id})
        first = (await core.http.get(GRANTS, headers=bearer)).json()
        second = (await core.http.get(first["next"], headers=bearer)).json()
        ids = [grant["grant_id"] for page in (first, second) for grant in page["grants"]]
        assert (len(first["grants"]), len(ids), len(set(ids))) == (100, 122, 122)
        assert (first["previous"], second["next"]) == (None, None)
        assert (await core.http.get(second["previous"], headers=bearer)).json()["grants"] == first["grants"]


class TestClose:
    @pytest.mark.req("WG102-266", "WG102-233", "WG102-241")
    async def test_closed_grant_opens_nothing(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent)
        found = (await core.token(consent, **code.form())).json()
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json={"status": "closed"}, headers=bearer)
        assert answer.status_code == 200
        grant = assert_valid("grant.json", answer.content)
        assert (grant["status"], grant["enabled_scope"], grant["enabled_authorization_details"]) == ("closed", "", [])
        assert grant["scope"] == "cds_usage_hlp"
        assert not await core.active(consent, found["access_token"])
        again = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json={"status": "closed"}, headers=bearer)
        assert again.status_code == 200

    @pytest.mark.req("WG102-266", "WG102-269")
    @pytest.mark.parametrize("status", ["active", "revoked", "suspended", None, 1])
    async def test_no_other_status_is_accepted(self, core: Core, status: object) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent)
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json={"status": status}, headers=bearer)
        assert answer.status_code == 400
        assert (await core.grant(code.grant.grant_id)).status == "active"

    @pytest.mark.req("WG102-265")
    async def test_unknown_members_are_ignored(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent)
        uri = f"{GRANTS}/{code.grant.grant_id}"
        before = (await core.http.get(uri, headers=bearer)).json()
        answer = await core.http.patch(uri, json={"client_id": "x", "states": [], "eta": None}, headers=bearer)
        assert (answer.status_code, answer.json()) == (200, before)

    async def test_ended_grant_takes_no_change(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent, "cds_usage_hlp cds_service_contracts_hlp")
        await core.change(code.grant.grant_id, lambda grant: grant.end(GrantStatus.REVOKED, datetime.now(UTC)))
        for change in ({"status": "closed"}, {"scope": "cds_usage_hlp"}):
            answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json=change, headers=bearer)
            assert answer.status_code == 400, change
        assert (await core.grant(code.grant.grant_id)).status == "revoked"


class TestRedraw:
    @pytest.mark.req("WG102-267")
    async def test_removing_a_scope_works_at_once(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent, "cds_usage_hlp cds_service_contracts_hlp")
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json={"scope": "cds_usage_hlp"}, headers=bearer)
        assert answer.status_code == 200
        grant = answer.json()
        assert (grant["status"], grant["scope"], grant["enabled_scope"]) == ("active", "cds_usage_hlp", "cds_usage_hlp")
        assert [entry["type"] for entry in grant["enabled_authorization_details"]] == ["cds_usage_hlp"]
        last = (await core.published(code.grant.grant_id))[-1]
        assert [entry.scope for entry in last.entries] == ["cds_usage_hlp"]
        assert last.entries_version == 2

    @pytest.mark.req("WG102-267")
    async def test_cutting_details_works_at_once(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        asked = [{"type": "cds_usage_hlp", "include_meter_numbers": True, "segment_start": "P1Y"}]
        code = await core.consent(consent, authorization_details=asked)
        wanted = [{"type": "cds_usage_hlp", "include_meter_numbers": False, "segment_start": "P1M"}]
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json={"authorization_details": wanted}, headers=bearer)
        assert answer.status_code == 200, answer.text
        (entry,) = answer.json()["enabled_authorization_details"]
        assert answer.json()["status"] == "active"
        assert entry["include_meter_numbers"] is False
        assert entry["segment_start"] > code.grant.authorization_details[0]["segment_start"]
        assert entry["sync_until"] == code.grant.authorization_details[0]["sync_until"]

    @pytest.mark.req("WG102-268", "WG102-239")
    async def test_wider_consent_waits_for_the_customer_while_the_old_part_works(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        customer = uuid4()
        code = await core.consent(consent, customer_id=customer)
        found = (await core.token(consent, **code.form())).json()
        wish = {"scope": "cds_usage_hlp cds_service_contracts_hlp"}
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json=wish, headers=bearer)
        grant = assert_valid("grant.json", answer.content)
        assert answer.status_code == 200
        assert (grant["status"], grant["enabled_scope"]) == ("needs_authorization", "cds_usage_hlp")
        assert grant["scope"] == "cds_usage_hlp cds_service_contracts_hlp"
        assert await core.active(consent, found["access_token"])
        refreshed = (await core.token(consent, grant_type="refresh_token", refresh_token=found["refresh_token"])).json()
        seen = await core.http.post("/oauth/introspect", data={"token": refreshed["access_token"]}, headers=consent.basic)
        waiting = await core.http.post("/oauth/introspect", data={"token": refreshed["refresh_token"]}, headers=consent.basic)
        for told in (refreshed, seen.json(), waiting.json()):
            assert told["scope"] == "cds_usage_hlp", told
            assert told["authorization_details"] == found["authorization_details"]
        assert [entry.scope for entry in (await core.published(code.grant.grant_id))[-1].entries] == ["cds_usage_hlp"]

        again = await core.consent(consent, wish["scope"], customer_id=customer, cds_grant_id=code.grant.grant_id, state="second")
        assert again.grant.grant_id == code.grant.grant_id
        after = (await core.http.get(f"{GRANTS}/{code.grant.grant_id}", headers=bearer)).json()
        assert (after["status"], after["enabled_scope"]) == ("active", wish["scope"])
        assert after["states"][-1] == "second"
        assert len(after["receipt_confirmations"]) == 2

    @pytest.mark.req("WG102-268")
    async def test_wider_details_keep_the_narrow_ones_open(self, core: Core) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent, authorization_details=[{"type": "cds_usage_hlp", "segment_start": "P1M"}])
        wanted = [{"type": "cds_usage_hlp", "segment_start": "P1Y"}]
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json={"authorization_details": wanted}, headers=bearer)
        grant = answer.json()
        assert grant["status"] == "needs_authorization"
        narrow, wide = grant["enabled_authorization_details"][0], grant["authorization_details"][0]
        assert narrow == code.grant.authorization_details[0]
        assert wide["segment_start"] < narrow["segment_start"]

    @pytest.mark.req("WG102-270", "WG102-237")
    async def test_wider_direct_access_is_prepared_first(self, core: Core) -> None:
        _, direct, _, bearer = await a_registration(core)
        found = await core.client_credentials(direct, "cds_query_accounts_hlp")
        grant_id = found["cds_grant_ids"][0]
        await core.ready(grant_id)
        wish = {"scope": "cds_query_accounts_hlp cds_query_bill_statements_hlp"}
        answer = await core.http.patch(f"{GRANTS}/{grant_id}", json=wish, headers=bearer)
        grant = assert_valid("grant.json", answer.content)
        assert (answer.status_code, grant["status"], grant["enabled_scope"]) == (202, "pending", "cds_query_accounts_hlp")
        assert grant["eta"]
        await core.ready(grant_id)
        after = (await core.http.get(f"{GRANTS}/{grant_id}", headers=bearer)).json()
        assert (after["status"], after["enabled_scope"]) == ("active", wish["scope"])
        fresh = await core.client_credentials(direct, "cds_query_accounts_hlp")
        assert fresh["cds_grant_ids"] != [grant_id]

    @pytest.mark.req("WG102-269")
    @pytest.mark.parametrize(
        "change",
        [
            {"scope": "no_such_scope"},
            {"scope": "cds_query_accounts_hlp"},
            {"scope": ""},
            {"scope": 5},
            {"scope": None},
            {"authorization_details": "x"},
            {"authorization_details": [{"type": "cds_query_accounts_hlp"}]},
            {"authorization_details": [{"type": "cds_usage_hlp", "no_field": 1}]},
            {"authorization_details": []},
        ],
    )
    async def test_invalid_values_change_nothing(self, core: Core, change: dict[str, object]) -> None:
        _, _, consent, bearer = await a_registration(core)
        code = await core.consent(consent)
        answer = await core.http.patch(f"{GRANTS}/{code.grant.grant_id}", json=change, headers=bearer)
        assert answer.status_code == 400, answer.text
        assert await core.grant(code.grant.grant_id) == (await core.grant(code.grant.grant_id))
        assert (await core.published(code.grant.grant_id))[-1].entries_version == 1

    async def test_admin_grant_cannot_be_redrawn(self, core: Core) -> None:
        admin, _, _, bearer = await a_registration(core)
        listed = (await core.http.get(GRANTS, params={"client_ids": admin.client_id}, headers=bearer)).json()["grants"]
        answer = await core.http.patch(listed[0]["uri"], json={"scope": "cds_usage_hlp"}, headers=bearer)
        assert answer.status_code == 400
