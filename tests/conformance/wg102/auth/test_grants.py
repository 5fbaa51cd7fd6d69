"""CDS-WG1-02 §3.3.1, §8.2, §11.4: the Grants API for scripts, and its status words."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cds_auth.domain.grant_status import GrantStatus
from cds_common.testing.schemas import assert_valid
from services.auth.tests.core_builders import a_consent_client, a_direct_client, an_admin_client
from services.auth.tests.core_driver import Core

GRANTS = "/cds/v1/grants"


@pytest.mark.req("WG102-034", "WG102-294")
async def test_an_admin_token_got_by_a_script_opens_the_grants_of_its_registration(core: Core) -> None:
    admin, direct = an_admin_client(), a_direct_client()
    await core.knows(admin, direct, registration_id=f"registration-{uuid4().hex}")
    await core.client_credentials(direct, "cds_query_accounts_hlp")
    token = await core.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "scope": "cds_client_admin"},
        headers=admin.basic | {"User-Agent": "curl/8"},
    )
    assert token.status_code == 200
    assert "set-cookie" not in token.headers
    answer = await core.http.get(GRANTS, headers={"Authorization": f"Bearer {token.json()['access_token']}", "User-Agent": "curl/8"})
    assert answer.status_code == 200
    assert {each["scope"] for each in answer.json()["grants"]} == {"cds_client_admin", "cds_query_accounts_hlp"}


@pytest.mark.req("WG102-234")
async def test_statuses_are_those_of_the_specification(core: Core) -> None:
    assert {each.value for each in GrantStatus} == {
        "active", "future", "pending", "partial", "needs_authorization", "needs_sub_grants", "disabled", "suspended", "revoked", "closed",
        "expired", "delayed", "stopped", "errored",
    }  # fmt: skip
    admin, client = an_admin_client(), a_consent_client()
    await core.knows(admin, client, registration_id=f"registration-{uuid4().hex}")
    now = datetime.now(UTC)
    made = {"active": await core.consent(client), "pending": await core.consent(client, ready=False)}
    for end in (GrantStatus.DISABLED, GrantStatus.REVOKED, GrantStatus.CLOSED):
        made[end.value] = await core.consent(client)
        await core.change(made[end.value].grant.grant_id, lambda grant, end=end: grant.end(end, now))
    made["suspended"] = await core.consent(client)
    await core.change(made["suspended"].grant.grant_id, lambda grant: grant.suspend("operator", now))
    answer = await core.http.get(GRANTS, headers=await core.bearer(admin))
    assert_valid("grant-list-response.json", answer.content)
    shown = {each["grant_id"]: each["status"] for each in answer.json()["grants"]}
    for status, code in made.items():
        assert shown[code.grant.grant_id] == status
    limited = await core.http.get(GRANTS, params={"statuses": "pending suspended"}, headers=await core.bearer(admin))
    assert {each["status"] for each in limited.json()["grants"]} == {"pending", "suspended"}
