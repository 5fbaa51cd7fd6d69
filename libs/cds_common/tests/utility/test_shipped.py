"""The shipped configuration against the schemas and the scope digest of the specification."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from cds_common.access.catalogue import is_customer_data
from cds_common.events.clients import ClientPurpose
from cds_common.events.utility import SeriesShape
from cds_common.utility import load_utility
from cds_common.utility.formats import match_format
from cds_common.utility.offers import offered_scopes
from cds_common.utility.wire import (
    authorization_server_metadata,
    coverage_entries,
    documentation_paths,
    registration_fields,
    scope_descriptions,
    server_metadata,
)

ROOT = Path(__file__).parents[4]
SPEC = ROOT / "tests" / "conformance" / "spec"
UTILITY = load_utility(ROOT / "config" / "utility.yaml")
URL = "https://cds.hlp.example"
SCOPES = scope_descriptions(UTILITY, URL)
DIGEST = {each["type"]: each for each in json.loads((SPEC / "scopes.json").read_text())["scopes"]}
_SCHEMAS = {path.name: json.loads(path.read_text()) for path in (SPEC / "schemas").glob("*.json")}
_REGISTRY: Registry[Any] = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in _SCHEMAS.items())


def assert_valid(value: Any, schema: str) -> None:
    plain = json.loads(json.dumps(value, default=float))
    errors = sorted(Draft202012Validator(_SCHEMAS[schema], registry=_REGISTRY).iter_errors(plain), key=str)
    assert not errors, errors[0].message


@pytest.mark.req("WG3A-011", "WG102-026", "WG102-052", "WG102-082", "WG102-083", "WG102-086", "WG102-091", "WG3B-001")
@pytest.mark.parametrize("scope", SCOPES)
def test_scope_descriptions_are_valid(scope):
    assert SCOPES[scope]["id"] == scope
    assert_valid(SCOPES[scope], "scope-description.json")
    assert_valid(SCOPES[scope], "customer-data-scope-description.json")


_FIRST = {
    "6.1.1": 132, "6.1.2": 141, "6.1.3": 154, "6.1.4": 167, "6.1.5": 176, "6.1.6": 186, "6.1.7": 199, "6.1.8": 208, "6.1.9": 218,
    "6.1.10": 235, "6.2.1": 250, "6.2.2": 253, "6.2.3": 256, "6.2.4": 259, "6.2.5": 262, "6.2.6": 265, "6.2.7": 268, "6.2.8": 271,
}  # fmt: skip
"""First row of WG3A for each section; type and grant types come first, then the fields that must, should and must not be there."""


def _scope_cases():
    for scope in SCOPES.values():
        if is_customer_data(scope["type"]):
            section = DIGEST[scope["type"]]["section"]
            count = 2 if section == "6.1.10" or section.startswith("6.2") else 4
            rows = [f"WG3A-{_FIRST[section] + n}" for n in range(9 if section == "6.1.9" else count)]
            yield pytest.param(scope, id=scope["id"], marks=pytest.mark.req(*rows))


@pytest.mark.req("WG3C-259")
@pytest.mark.parametrize("scope", _scope_cases())
def test_each_scope_offers_what_section_6_demands(scope):
    digest = DIGEST[scope["type"]]
    offered = {field["id"]: field for field in scope["authorization_details_fields_supported"]}
    if digest["kind"] == "customer-consent":
        assert scope["response_types_supported"] == ["code"]
        assert set(scope["grant_types_supported"]) == {"authorization_code", "refresh_token"}
        assert scope["code_challenge_methods_supported"] == ["S256"]
    else:
        assert (scope["response_types_supported"], scope["grant_types_supported"]) == ([], ["client_credentials"])
    for field in digest["authorization_details_fields"]:
        if field["requirement"] in {"required", "required-if-data-available", "required-if-selection-offered"}:
            assert field["id"] in offered, field["id"]
            assert offered[field["id"]]["format"] in field["formats"]
            if field["is_required"]["must_be"] is False:
                assert offered[field["id"]]["is_required"] is False
        if field["requirement"] == "forbidden":
            assert field["id"] not in offered


def _described(scope_type):
    return next(each for each in SCOPES.values() if each["type"] == scope_type)


def _offered(scope_type, field_id):
    return next(each for each in _described(scope_type)["authorization_details_fields_supported"] if each["id"] == field_id)


@pytest.mark.req("WG3A-136", "WG3A-145", "WG3A-158", "WG3A-171", "WG3A-180", "WG3A-190", "WG3A-203", "WG3A-212", "WG3A-221", "WG3A-237",
                 "WG3B-226", "WG3B-227")  # fmt: skip
@pytest.mark.parametrize(
    ("scope_type", "choices"),
    [
        ("cds_rate_plan", ["service_contract_selection"]),
        ("cds_account_programs", ["account_selection"]),
        ("cds_service_programs", ["service_contract_selection"]),
        ("cds_accounts", ["account_selection"]),
        ("cds_service_contracts", ["service_contract_selection", "account_selection"]),
        ("cds_meters", ["meter_device_selection", "service_contract_selection", "account_selection", "servicepoint_selection"]),
        ("cds_bill_statements", ["account_selection"]),
        ("cds_service_bills", ["service_contract_selection", "account_selection"]),
        ("cds_usage", ["service_contract_selection", "account_selection", "servicepoint_selection", "meter_device_selection",
                       "aggregation_selection"]),
        ("cds_aggregation_consent", ["aggregation_selection"]),
    ],
)  # fmt: skip
def test_selections(scope_type, choices):
    field = _offered(scope_type, "authorization_form_selection_type")
    assert [each["id"] for each in field["choices"]] == choices
    assert field["default"] == choices[0]


@pytest.mark.req("WG3A-242", "WG3B-266", "WG3B-231", "WG3B-245", "WG3B-254", "WG3B-261")
def test_fixed_defaults():
    assert _offered("cds_aggregation_consent", "error_if_no_preselections")["default"] is True
    assert _offered("cds_aggregation_consent", "allow_scope_modifications")["default"] is False
    for scope in SCOPES.values():
        fields = {each["id"]: each for each in scope["authorization_details_fields_supported"]}
        if "jwk" in fields:
            assert (fields["jwk"]["format"], fields["jwk"]["is_required"], fields["jwk"]["default"]) == ("jwk_or_null", False, None)
        if "merge_selection_with" in fields:
            assert (fields["merge_selection_with"]["format"], fields["merge_selection_with"]["is_required"]) == ("string_or_null", False)
        if "purpose" in fields:
            assert fields["purpose"]["default"] == "hlp-any-use"


@pytest.mark.req("WG3B-173", "WG3B-172")
def test_only_value_type_choices_carry_a_format():
    for scope in SCOPES.values():
        for field in scope["authorization_details_fields_supported"]:
            expected = field["id"] == "include_usage_segment_value_types"
            for choice in field.get("choices", []):
                assert ("usagesegment_format" in choice) is expected
                if expected:
                    assert_valid(choice["usagesegment_format"], "value-format.json")


def test_what_the_walkthrough_expects():
    usage = {each["id"]: each for each in SCOPES["cds_usage_hlp"]["authorization_details_fields_supported"]}
    start = usage["segment_start"]
    assert (start["default"], start["maximum"], start["minimum"]) == ("P13M", "P13M", "PT0S")
    assert {"el-15min", "el-month", "gas-month"} <= {each["id"] for each in usage["include_usage_segment_value_types"]["choices"]}
    direct = SCOPES["cds_query_accounts_hlp"]
    needed = registration_fields(UTILITY, URL)[direct["registration_requirements"][0]]
    assert needed["field_name"] == "cds_invite_code"
    assert SCOPES["cds_usage_hlp"]["grant_admin_scope"] == direct["grant_admin_scope"] == "cds_grant_admin_hlp"
    assert SCOPES["cds_client_admin"]["grant_admin_scope"] is None


@pytest.mark.req("WG3A-041", "WG3A-067", "WG3A-072", "WG102-028")
def test_the_scenarios_reach_three_years_back_and_on_without_end():
    history = {each["id"]: each for each in SCOPES["cds_usage_history_hlp"]["authorization_details_fields_supported"]}
    assert history["segment_start"]["maximum"] == "P3Y"
    assert history["segment_end"]["maximum"] == "infinite"
    assert _offered("cds_bill_statements", "statement_date_start")["maximum"] == "infinite"
    assert _offered("cds_bill_statements", "statement_date_end")["maximum"] == "infinite"
    assert _offered("cds_service_bills", "start_date")["maximum"] == "P7Y"
    assert _offered("cds_service_bills", "end_date")["maximum"] == "infinite"


@pytest.mark.req("WG102-032", "WG102-035", "WG102-037", "WG102-047", "WG102-049")
def test_the_three_scopes_of_the_registration_specification_are_there():
    kinds = [each["type"] for each in SCOPES.values()]
    assert [kinds.count(each) for each in ("cds_client_admin", "cds_grant_admin", "cds_server_provided_files")] == [1, 1, 1]
    assert set(DIGEST) <= set(kinds)


@pytest.mark.req("WG3A-011")
@pytest.mark.req("WG102-010", "WG102-011", "WG102-013", "WG102-015", "WG102-021", "WG102-022", "WG102-024", "WG102-025", "WG102-027",
                 "WG3B-183")  # fmt: skip
def test_authorization_server_metadata():
    found = authorization_server_metadata(UTILITY, URL)
    assert_valid(found, "authorization-server-metadata.json")
    assert_valid(found, "customer-data-server-metadata.json")
    assert found["issuer"] == URL
    assert found["response_types_supported"] == ["code"]
    assert set(found["grant_types_supported"]) == {"client_credentials", "authorization_code", "refresh_token"}
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_details_types_supported"] == [each for each in SCOPES if each != "cds_client_admin"]
    assert found["scopes_supported"] == list(SCOPES)
    assert {each for each in found if each.startswith("cds_") and each.endswith("_api")} >= {"cds_eacs_api", "cds_aggregations_api"}


def test_metadata_of_one_client_shows_its_scopes_and_purposes():
    own = ClientPurpose(id="p1", name="Audit", content="x", scopes_supported=["cds_usage_hlp"], written_by_client=True, reviewed=False)
    found = authorization_server_metadata(UTILITY, URL, scopes={"cds_usage_hlp"}, purposes={"cds_usage_hlp": [own]})
    assert_valid(found, "client-authorization-server-metadata.json")
    assert_valid(found, "customer-data-server-metadata.json")
    assert list(found["cds_scope_descriptions"]) == ["cds_usage_hlp"]
    fields = found["cds_scope_descriptions"]["cds_usage_hlp"]["authorization_details_fields_supported"]
    purpose = next(each for each in fields if each["id"] == "purpose")
    assert ([each["id"] for each in purpose["choices"]], purpose["default"]) == (["p1"], None)
    assert list(found["cds_registration_fields"]) == ["internal-review", "purposes"]
    direct = authorization_server_metadata(UTILITY, URL, scopes={"cds_query_accounts_hlp"})
    assert "cds_test_accounts" not in direct
    assert "cds_billstatement_api" not in direct
    admin = authorization_server_metadata(UTILITY, URL, scopes={"cds_client_admin"})
    assert "cds_customerdata_version" not in admin


@pytest.mark.req("WG101-007", "WG101-008", "WG101-009", "WG101-028", "WG101-031", "WG101-033", "WG101-035", "WG101-038")
def test_server_metadata_and_coverage():
    assert_valid(server_metadata(UTILITY, URL), "server-metadata.json")
    entries = coverage_entries(UTILITY, URL)
    for entry in entries:
        assert_valid(entry, "coverage-entry.json")
    assert [each["id"] for each in entries] == ["hlp-electric", "hlp-gas", "hlp-water"]
    for each in UTILITY.coverage:
        assert json.loads((ROOT / "config" / (each.geojson or "")).read_text())["type"] == "FeatureCollection"


@pytest.mark.req("WG102-062", "WG102-063", "WG102-066")
def test_registration_fields_are_valid():
    fields = registration_fields(UTILITY, URL)
    for each in fields.values():
        assert_valid(each, "registration-field.json")
        assert_valid(each, "customer-data-registration-field.json")
    named = {step for scope in SCOPES.values() for step in (*scope["registration_requirements"], *scope["registration_optional"])}
    assert set(fields) == named


def test_every_documentation_link_has_a_page():
    pages = documentation_paths(UTILITY)

    def links(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [link for each in value.values() for link in links(each)]
        if isinstance(value, list):
            return [link for each in value for link in links(each)]
        return [value] if isinstance(value, str) and value.startswith(URL + "/docs") else []

    found = links(authorization_server_metadata(UTILITY, URL)) + links(server_metadata(UTILITY, URL))
    assert found
    assert {link.removeprefix(URL).split("#")[0] for link in found} <= set(pages)


@pytest.mark.parametrize(
    ("shape", "seconds", "format_id"),
    [
        (SeriesShape(value_type="electric_usage", units="kWh", direction="forward"), 900, "el-15min"),
        (SeriesShape(value_type="electric_usage", units="kWh", direction="reverse"), 900, "el-15min-export"),
        (SeriesShape(value_type="electric_usage", units="kWh", direction="forward"), 31 * 86_400, "el-month"),
        (SeriesShape(value_type="electric_usage", units="kWh", direction="forward"), 23 * 3600, "el-day"),
        (SeriesShape(value_type="natural_gas_usage", units="therm"), 30 * 86_400 + 3600, "gas-month"),
        (SeriesShape(value_type="water_usage", units="m3"), 28 * 86_400, "water-month"),
        (SeriesShape(value_type="electric_usage", units="kWh"), 900, "el-plain"),
        (SeriesShape(value_type="electric_usage", units="MWh"), 900, None),
    ],
)
def test_series_find_their_format(shape, seconds, format_id):
    found = match_format(UTILITY.value_formats, shape, seconds)
    assert (found.id if found else None) == format_id


def test_invite_codes():
    found = UTILITY.invite("HLP-INV-2209")
    assert found is not None
    assert found.permission.account_refs == ["AC-B-310-77"]
    assert found.permission.everything is False
    assert UTILITY.invite("HLP-INV-2208") is None


def test_the_strictest_privacy_rule_counts():
    assert UTILITY.privacy_rule(["building", "confidential"]).min_customers == 15
    assert UTILITY.privacy_rule(["building", "region"]).min_customers == 100
    assert str(UTILITY.privacy_rule([]).max_share) == "0.15"


def test_every_offered_default_passes_as_a_request_value():
    for scope in offered_scopes(UTILITY).values():
        for field in scope.fields.values():
            assert field.has_default is not field.is_required
