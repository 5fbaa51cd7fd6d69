"""Client Objects for Customer Data: the steps before production, and Purposes (CDS-WG3-01 §4, §8)."""

from typing import Any

import pytest

from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits

CONSENT = {
    "WG3A-036": "cds_service_contracts_hlp cds_meters_hlp cds_usage_history_hlp",
    "WG3A-047": "cds_rate_plan_hlp",
    "WG3A-052": "cds_account_programs_hlp cds_service_programs_hlp",
    "WG3A-058": "cds_bill_statements_due_hlp",
    "WG3A-065": "cds_bill_statements_hlp",
    "WG3A-070": "cds_service_bills_hlp",
    "WG3A-075": "cds_meters_hlp",
    "WG3A-079": "cds_aggregation_consent_hlp",
}
SUMS = "cds_query_aggregations_hlp cds_query_usage_sums_hlp"


def production(clients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Client Objects for customer data that may be in production."""
    return [each for each in clients if "production" in each["cds_status_options"] and "admin" not in each["scope"]]


async def described(registry: Registry, scope: str) -> dict[str, Any]:
    metadata = (await registry.http.get("/.well-known/oauth-authorization-server")).json()
    return metadata["cds_scope_descriptions"][scope]


@pytest.mark.parametrize("scopes", [pytest.param(scopes, id=row, marks=pytest.mark.req(row)) for row, scopes in CONSENT.items()])
async def test_no_production_object_before_the_last_step_that_the_scopes_list(registry: Registry, scopes: str) -> None:
    listed = {step for scope in scopes.split() for step in (await described(registry, scope))["registration_requirements"]}
    assert listed == {"internal-review"}
    party = await registry.party(f"cds_client_admin {scopes}")
    (review,) = await party.messages("outstanding")
    assert review["type"] == "production_request"
    assert production(await party.clients()) == []
    registry.later(seconds=1)
    path = f"/operator/api/v1/requests/{review['message_id']}/approve"
    assert (await registry.http.post(path, headers=await registry.operator(), json={})).status_code == 201
    (real,) = production(await party.clients())
    assert set(real["scope"].split()) == set(scopes.split())
    assert await party.messages("outstanding") == []


@pytest.mark.req("WG3A-079", "WG3A-098")
async def test_sums_need_nothing_more_than_the_invitation_that_the_scopes_list(registry: Registry) -> None:
    for scope in SUMS.split():
        assert (await described(registry, scope))["registration_requirements"] == ["invite-code"]
    assert (await registry.register(f"cds_client_admin {SUMS}")).status_code == 400
    party = await registry.party(f"cds_client_admin {SUMS}", cds_invite_code="HLP-INV-2209")
    (real,) = production(await party.clients())
    assert (real["cds_status"], set(real["scope"].split())) == ("production", set(SUMS.split()))
    assert await party.messages("outstanding") == []


@pytest.mark.req("WG3A-096")
async def test_consent_and_direct_access_never_share_an_object(registry: Registry) -> None:
    scopes = f"{SUMS} cds_aggregation_consent_hlp cds_usage_hlp cds_query_accounts_self_hlp"
    party = await registry.party(f"cds_client_admin {scopes}", cds_invite_code="HLP-SANDBOX")
    for client in await party.clients():
        kinds = {scope.startswith("cds_query_") for scope in client["scope"].split()}
        assert len(kinds) == 1
        assert (kinds == {True}) is (client["grant_types"] == ["client_credentials"] and "admin" not in client["scope"])


@pytest.mark.req("WG3C-004")
async def test_objects_without_consent_scopes_have_no_purposes(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin {SUMS} cds_usage_hlp", cds_invite_code="HLP-SANDBOX")
    seen = 0
    for client in await party.clients():
        assert_fits(client, "client")
        if "cds_usage_hlp" in client["scope"]:
            assert client["cds_purposes"]
            continue
        seen += 1
        assert not client.get("cds_purposes")
        for purposes in ({}, None):
            shown = {name: value for name, value in client.items() if name != "cds_purposes"}
            assert_fits(shown if purposes is None else shown | {"cds_purposes": purposes}, "client")
    assert seen >= 3


@pytest.mark.req("WG3C-021")
async def test_members_of_a_purpose_that_nobody_defined_are_passed_over(registry: Registry) -> None:
    party = await registry.party()
    mine = {
        "id": "", "name": "Audit", "content": "We look at your heat.", "related_uri": None, "related_name": None, "scopes_supported": [],
        "kestrel_colour": "red",
    }  # fmt: skip
    consent = await party.client("cds_usage_hlp")
    answer = await _put(party, consent, {"new": mine})
    assert answer.status_code == 200
    for purpose in answer.json()["cds_purposes"].values():
        assert "kestrel_colour" not in purpose
        assert_fits(purpose, "purpose")
        assert_fits(purpose | {"hlp_note": "added by a server"}, "purpose")


async def _put(party: Party, client: dict[str, Any], purposes: dict[str, Any]) -> Any:
    return await party.put(client["cds_client_uri"], {**client, "cds_purposes": {**client["cds_purposes"], **purposes}})


@pytest.mark.req("WG3C-068")
async def test_the_pages_of_consent_scopes_say_that_some_customers_never_come_back(registry: Registry) -> None:
    descriptions = (await registry.http.get("/.well-known/oauth-authorization-server")).json()["cds_scope_descriptions"]
    warned = set()
    for scope in descriptions.values():
        page = await registry.http.get(scope["documentation"])
        if "a provider that has no way back, or a closed window, never does" in page.text:
            warned.add(scope["id"])
    assert warned == {scope["id"] for scope in descriptions.values() if scope["response_types_supported"]}
