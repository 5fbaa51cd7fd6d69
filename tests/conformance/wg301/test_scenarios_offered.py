"""CDS-WG3-01 §4: which of the offered scopes serve each scenario, and that they carry all that the scenario asks for."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_common.access.details import ClientLimits, Flow, RequestedAccess, to_grant, validate_request
from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.utility import load_utility
from cds_common.utility.offers import offered_scopes
from cds_common.utility.wire import authorization_server_metadata

ROOT = Path(__file__).parents[3]
UTILITY = load_utility(ROOT / "config" / "utility.yaml")
METADATA = authorization_server_metadata(UTILITY, "https://cds.hlp.example")
DESCRIPTIONS: dict[str, Any] = METADATA["cds_scope_descriptions"]
SPEC = json.loads((ROOT / "tests/conformance/spec/scenarios.json").read_text())
SCENARIOS = {each["id"]: each for each in SPEC["scenarios"]}
NOW = datetime(2026, 11, 24, 18, 12, tzinfo=UTC)

OURS = {
    "usage-self-access": "_self_hlp",
    "billing-self-access": "_self_hlp",
    "usage-and-billing-self-access": "_self_hlp",
    "bill-amount-due": "_due_hlp",
}
"""How the ids of the scopes that serve a scenario end, where it is not `_hlp`."""
OTHER_IDS = {
    ("meter-data", "cds_usage"): "cds_usage_history_hlp",
    ("whole-building-data", "cds_query_usage"): "cds_query_usage_sums_hlp",
    ("aggregated-data", "cds_query_usage"): "cds_query_usage_sums_hlp",
}
ROWS = {
    "usage-self-access": "014 018 019 020 021",
    "billing-self-access": "023 027 028 029 030 031",
    "usage-and-billing-self-access": "033 034",
    "meter-data": "035 037 038 039 042",
    "customer-tariffs": "046 048 049",
    "customer-programs": "051 053 055",
    "bill-amount-due": "057 059 061",
    "customer-bills": "064 066",
    "service-charges": "069 071",
    "meter-app-transparency": "074 076",
    "whole-building-data": "078 083",
    "aggregated-data": "097 100",
}


def scope_of(scenario: str, scope_type: str) -> dict[str, Any]:
    """The Scope Description that serves a type in a scenario."""
    scope_id = OTHER_IDS.get((scenario, scope_type), scope_type + OURS.get(scenario, "_hlp"))
    return DESCRIPTIONS[scope_id]


def field_of(scope: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in scope["authorization_details_fields_supported"] if each["id"] == name)


def years(duration: str) -> int:
    """Whole years of a furthest-back limit; "infinite" counts as very many."""
    return 99 if duration == "infinite" else int(duration.removeprefix("P").removesuffix("Y"))


def _limits(scope: dict[str, Any]) -> ClientLimits:
    return ClientLimits(frozenset({scope["id"]}), frozenset({scope["id"]}))


def ask(scope: dict[str, Any], **fields: Any) -> Any:
    """What a request with these fields becomes in the Grant."""
    flow: Flow = "client_credentials" if "client_credentials" in scope["grant_types_supported"] else "authorization_code"
    request = RequestedAccess(None, [{"type": scope["id"], **fields}], flow)
    entries = validate_request(request, limits=_limits(scope), offered=offered_scopes(UTILITY), now=NOW, tz=UTILITY.tz)
    return to_grant(entries, NOW, UTILITY.tz)[0].details


def _cases() -> Any:
    assert set(ROWS) == set(SCENARIOS)
    for name, rows in ROWS.items():
        yield pytest.param(name, id=name, marks=pytest.mark.req(*(f"WG3A-{row}" for row in rows.split())))


@pytest.mark.parametrize("scenario", _cases())
def test_the_scopes_of_a_scenario_are_offered_with_all_its_fields_and_limits(scenario: str) -> None:
    wanted = SCENARIOS[scenario]
    for scope_type, fields in wanted["all_required_fields"].items():
        scope = scope_of(scenario, scope_type)
        assert (scope["type"], scope["id"] in METADATA["scopes_supported"]) == (scope_type, True)
        assert set(fields) <= {each["id"] for each in scope["authorization_details_fields_supported"]}
        assert {field.get("type") for field in _steps(scope)} <= {"internal_review", "sso_verification", "registration_field"}
        if wanted["flow"] == "client_credentials":
            assert "client_credentials" in scope["grant_types_supported"]
    for constraint in wanted["field_constraints"]:
        for scope_type in constraint["scopes"]:
            _check(scope_of(scenario, scope_type), constraint)


def _steps(scope: dict[str, Any]) -> list[dict[str, Any]]:
    return [METADATA["cds_registration_fields"][step] for step in scope["registration_requirements"]]


def _check(scope: dict[str, Any], constraint: dict[str, Any]) -> None:
    name = constraint["field"]
    match constraint["attribute"], constraint["operator"]:
        case "maximum", "==":
            assert field_of(scope, name)["maximum"] == constraint["value"]
            assert ask(scope, **_needed(scope), **{name: "infinite"})[name] == "infinite"
        case "maximum", ">=":
            assert years(field_of(scope, name)["maximum"]) >= years(constraint["value"])
            back = NOW.year - years(constraint["value"])
            assert str(ask(scope, **_needed(scope), **{name: constraint["value"]})[name]).startswith(f"{back}-11-24")
        case "grant_types_supported", "contains":
            assert constraint["value"] in scope["grant_types_supported"]
        case "token request", "populated":
            with pytest.raises(InvalidAuthorizationDetails):
                ask(scope)
            assert ask(scope, **{name: ["B-1"]})[name] == ["B-1"]
        case "choices", "contains":
            numbers = UTILITY.programs.account if name == "account_programs" else UTILITY.programs.service
            assert [each["id"] for each in field_of(scope, name)["choices"]] == [each.program_number for each in numbers]
        case "value in the Grant", "forced":
            assert _forced(scope) == {"2026-11-24"}
        case unknown:
            raise AssertionError(unknown)


def _needed(scope: dict[str, Any]) -> dict[str, Any]:
    """Fields without which no request of the scope is complete."""
    name = {"cds_account_programs": "account_programs", "cds_service_programs": "service_programs"}.get(scope["type"])
    return {name: [field_of(scope, name)["choices"][0]["id"]]} if name else {}


def _forced(scope: dict[str, Any]) -> set[str]:
    """What becomes of any value that a Client sends; the customer's last bill replaces today when the form is made."""
    sent = ("P3Y", "infinite", "1999-01-01", 7, None, {"x": []})
    return {ask(scope, statement_date_start=value)["statement_date_start"] for value in sent} | {ask(scope)["statement_date_start"]}


@pytest.mark.req("WG3A-060", "WG3A-063")
def test_amount_due_and_bills_are_two_scopes_of_one_type_with_different_limits() -> None:
    found = [each for each in DESCRIPTIONS.values() if each["type"] == "cds_bill_statements"]
    assert [each["id"] for each in found] == ["cds_bill_statements_hlp", "cds_bill_statements_due_hlp"]
    assert [field_of(each, "statement_date_start")["maximum"] for each in found] == ["infinite", "P0D"]
    bills, due = found
    assert ask(bills, statement_date_start="P3Y")["statement_date_start"] == date(2023, 11, 24).isoformat()
    with pytest.raises(InvalidAuthorizationDetails):
        ask(bills, statement_date_start=7)
    assert _forced(due) == {"2026-11-24"}


@pytest.mark.req("WG3A-104")
def test_one_usage_query_demands_aggregations_and_the_own_one_does_not() -> None:
    sums, own = DESCRIPTIONS["cds_query_usage_sums_hlp"], DESCRIPTIONS["cds_query_usage_self_hlp"]
    assert (field_of(sums, "aggregation_numbers")["is_required"], "default" in field_of(sums, "aggregation_numbers")) == (True, False)
    assert field_of(own, "aggregation_numbers")["is_required"] is False
    with pytest.raises(InvalidAuthorizationDetails):
        ask(sums, segment_start="P1Y")
    assert ask(own, segment_start="P1Y")["segment_start"] == "2025-11-24T18:12:00Z"


@pytest.mark.req("WG3A-082")
def test_aggregations_are_looked_up_by_six_fields_and_never_by_address_in_the_default_configuration() -> None:
    offered = {each["id"] for each in DESCRIPTIONS["cds_query_aggregations_hlp"]["authorization_details_fields_supported"]}
    assert {"servicepoint_numbers", "aggregation_numbers", "include_service_points", "include_premises"} <= offered
    assert {"include_service_point_addresses", "include_aggregation_addresses"} <= offered
    for scope in DESCRIPTIONS.values():
        if not scope["response_types_supported"]:
            assert "addresses" not in {each["id"] for each in scope["authorization_details_fields_supported"]}


@pytest.mark.req("WG3A-040")
def test_contracts_meters_and_usage_merge_into_one_selection_of_contracts() -> None:
    ids = [scope_of("meter-data", each)["id"] for each in ("cds_service_contracts", "cds_meters", "cds_usage")]
    for scope_id in ids:
        choices = [each["id"] for each in field_of(DESCRIPTIONS[scope_id], "authorization_form_selection_type")["choices"]]
        assert "service_contract_selection" in choices
    chain = dict(zip(ids, [*ids[1:], ids[0]], strict=True))
    details = [
        {"type": each, "authorization_form_selection_type": "service_contract_selection", "merge_selection_with": chain[each]}
        for each in ids
    ]
    limits = ClientLimits(frozenset(ids), frozenset(ids))
    request = RequestedAccess(None, details, "authorization_code")
    entries = validate_request(request, limits=limits, offered=offered_scopes(UTILITY), now=NOW, tz=UTILITY.tz)
    from cds_common.access.merging import request_sections

    assert [[entry.scope for entry in section] for section in request_sections(entries)] == [ids]


@pytest.mark.req("WG3A-054")
def test_offered_programs_are_those_that_objects_can_have() -> None:
    from cds_cli.demo_utility.cast import HOUSEHOLDS
    from cds_cli.demo_utility.utility import account, contract

    held = {each.program_number for household in HOUSEHOLDS for each in account(household).account_programs}
    assert held <= {each["id"] for each in field_of(DESCRIPTIONS["cds_account_programs_hlp"], "account_programs")["choices"]}
    used = {each.program_number for house in HOUSEHOLDS for service in house.services for each in contract(house, service).service_programs}
    assert used <= {each["id"] for each in field_of(DESCRIPTIONS["cds_service_programs_hlp"], "service_programs")["choices"]}
    assert held
    assert used


@pytest.mark.req("WG3A-012")
def test_no_answer_names_a_scenario_and_the_metadata_says_all_that_a_client_needs() -> None:
    words = {each["id"] for each in SCENARIOS.values()} | {each["name"].lower() for each in SCENARIOS.values()}
    documents = [json.loads(path.read_text()) for path in (ROOT / "docs/openapi").glob("*.json")]

    def machine_words(value: Any) -> set[str]:
        """Keys of all objects, and values that are ids."""
        if isinstance(value, dict):
            ids = {str(each) for key, each in value.items() if key in {"id", "type", "enum"} and isinstance(each, str)}
            return {*value, *ids, *(word for each in value.values() for word in machine_words(each))}
        if isinstance(value, list):
            return {word for each in value for word in machine_words(each)}
        return set()

    found = {word.lower().replace("_", "-") for document in [METADATA, *documents] for word in machine_words(document)}
    assert "cds-scope-descriptions" in found
    assert not found & {word.replace(" ", "-") for word in words}
    for scope in DESCRIPTIONS.values():
        for field in scope["authorization_details_fields_supported"]:
            assert field["is_required"] is not ("default" in field)
            if field["format"].startswith("relative"):
                assert {"maximum", "minimum"} <= set(field)
            if field["format"].startswith("choice"):
                assert isinstance(field["choices"], list)
