"""CDS-WG3-01 §11, §12: what the shipped offer asks of clients, gives away by default, and adds to the specification."""

import json
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_common.access.details import ClientLimits, RequestedAccess, validate_request
from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.events import vocabulary
from cds_common.utility import load_utility
from cds_common.utility.offers import offered_scopes
from cds_common.utility.wire import authorization_server_metadata

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "tests/conformance/spec/schemas"
UTILITY = load_utility(ROOT / "config" / "utility.yaml")
METADATA = authorization_server_metadata(UTILITY, "https://cds.hlp.example")
DESCRIPTIONS: dict[str, Any] = METADATA["cds_scope_descriptions"]
NOW = datetime(2026, 11, 24, 18, 12, tzinfo=UTC)
PERSONAL = {
    "include_account_numbers", "include_account_details", "include_contract_numbers", "include_service_contract_details",
    "include_service_point_addresses", "include_coordinates", "include_meter_numbers", "include_aggregation_addresses",
}  # fmt: skip
ADMIN = {"cds_client_admin", "cds_grant_admin", "cds_server_provided_files"}


@pytest.mark.req("WG3C-271")
def test_no_scope_for_customer_data_is_open_without_a_step() -> None:
    steps = {name: field["type"] for name, field in METADATA["cds_registration_fields"].items()}
    for scope in DESCRIPTIONS.values():
        if scope["type"] in ADMIN:
            continue
        asked = {steps[step] for step in scope["registration_requirements"]}
        if scope["response_types_supported"]:
            assert "internal_review" in asked
        else:
            named = {METADATA["cds_registration_fields"][step].get("field_name") for step in scope["registration_requirements"]}
            assert "sso_verification" in asked or "cds_invite_code" in named


@pytest.mark.req("WG3C-283")
def test_fields_with_personal_data_are_off_by_default() -> None:
    seen: set[str] = set()
    for scope in DESCRIPTIONS.values():
        for field in scope["authorization_details_fields_supported"]:
            if field["id"] in PERSONAL:
                seen.add(field["id"])
                assert field["default"] is False, (scope["id"], field["id"])
    assert seen == PERSONAL


@pytest.mark.req("WG3C-282")
def test_a_utility_offers_a_field_for_direct_access_and_another_by_consent_only() -> None:
    scope_id = "cds_query_service_contracts_hlp"
    scopes = [
        each.model_copy(update={"without": ["include_service_contract_details"]}) if each.id == scope_id else each
        for each in UTILITY.scopes
    ]
    utility = UTILITY.model_copy(update={"scopes": scopes})
    shown = authorization_server_metadata(utility, "https://cds.hlp.example")["cds_scope_descriptions"][scope_id]
    ids = {each["id"] for each in shown["authorization_details_fields_supported"]}
    assert "include_rate_plans" in ids
    assert "include_service_contract_details" not in ids

    def ask(field: str) -> Any:
        request = RequestedAccess(None, [{"type": scope_id, field: True}], "client_credentials")
        limits = ClientLimits(frozenset({scope_id}), frozenset({scope_id}))
        return validate_request(request, limits=limits, offered=offered_scopes(utility), now=NOW, tz=utility.tz)

    assert ask("include_rate_plans")[0].details["include_rate_plans"] is True
    with pytest.raises(InvalidAuthorizationDetails):
        ask("include_service_contract_details")
    consent = offered_scopes(utility)["cds_service_contracts_hlp"]
    assert "include_service_contract_details" in consent.fields


def _lists(node: Any) -> list[set[str]]:
    """Every list of values that a schema knows: closed by enum, or open by x-extensible-enum."""
    if isinstance(node, dict):
        own = [set(map(str, node[key])) for key in ("enum", "x-extensible-enum") if isinstance(node.get(key), list)]
        return own + [found for each in node.values() for found in _lists(each)]
    return [found for each in node for found in _lists(each)] if isinstance(node, list) else []


@pytest.mark.req("WG3C-269")
def test_no_list_of_values_has_more_than_the_specifications() -> None:
    known = [found for path in SCHEMAS.glob("*.json") for found in _lists(json.loads(path.read_text()))]
    checked = 0
    for name, value in vars(vocabulary).items():
        values = set(map(str, typing.get_args(value))) if name.endswith(("Type", "Status")) else set[str]()
        if values and any(len(values & each) > 1 for each in known):
            checked += 1
            assert any(values <= each for each in known), name
    assert checked >= 12


@pytest.mark.req("WG3C-257")
def test_documents_have_no_member_of_their_own_invention() -> None:
    for schema_name, documents in (
        ("scope-description", list(DESCRIPTIONS.values())),
        ("authorization-details-field", [f for scope in DESCRIPTIONS.values() for f in scope["authorization_details_fields_supported"]]),
        ("registration-field", list(METADATA["cds_registration_fields"].values())),
    ):
        known = set(json.loads((SCHEMAS / f"{schema_name}.json").read_text())["properties"])
        for document in documents:
            assert set(document) - known <= {"usagesegment_format"}
