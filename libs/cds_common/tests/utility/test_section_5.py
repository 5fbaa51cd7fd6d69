"""The members that CDS-WG3-01 §5 adds to the metadata, for offers smaller and larger than the shipped one."""

from pathlib import Path
from typing import Any, get_args

import pytest

from cds_common.access.catalogue import FIELDS, SCOPE_TYPES, is_customer_data
from cds_common.events import vocabulary as v
from cds_common.utility import Utility, load_utility
from cds_common.utility.checks import find_faults
from cds_common.utility.models import ScopeOffer
from cds_common.utility.parts import ValueTypeDescription
from cds_common.utility.wire import authorization_server_metadata, scope_descriptions

UTILITY = load_utility(Path(__file__).parents[4] / "config" / "utility.yaml")
URL = "https://cds.hlp.example"
ADMIN = {"cds_client_admin", "cds_grant_admin"}


def offering(*scopes: dict[str, Any], **changes: Any) -> Utility:
    """The shipped utility with some of its scopes only, and with changes to the rest of its file; a fault is a ValueError."""
    admin = [each for each in UTILITY.scopes if each.type in ADMIN]
    offered = [*admin, *(ScopeOffer.model_validate(each) for each in scopes)]
    changed = UTILITY.model_copy(update={"scopes": offered, "invite_codes": []} | changes)
    faults = find_faults(changed)
    if faults:
        raise ValueError("; ".join(each.reason for each in faults))
    return changed


def a_scope(scope_type: str, scope_id: str | None = None, **offer: Any) -> dict[str, Any]:
    return {"type": scope_type, "id": scope_id or f"{scope_type}_hlp", "coverages": ["hlp-electric"], **offer}


def metadata(utility: Utility) -> dict[str, Any]:
    return authorization_server_metadata(utility, URL)


def apis(utility: Utility) -> set[str]:
    """The Customer Data listing URLs, by member."""
    common = {"cds_clients_api", "cds_messages_api", "cds_credentials_api", "cds_grants_api", "cds_server_provided_files_api"}
    return {name for name in metadata(utility) if name.startswith("cds_") and name.endswith("_api")} - common


API_OF = {
    "include_accounts": "cds_accounts_api", "include_service_contracts": "cds_servicecontracts_api",
    "include_service_points": "cds_servicepoints_api", "include_meter_devices": "cds_meterdevices_api",
    "include_bill_statements": "cds_billstatement_api", "include_bill_sections": "cds_billsection_api",
    "include_aggregations": "cds_aggregations_api", "include_usage_segments": "cds_usagesegments_api", "include_eacs": "cds_eacs_api",
}  # fmt: skip


@pytest.mark.req("WG3A-105", "WG3A-106")
def test_each_include_field_has_its_listing_url():
    found = metadata(UTILITY)
    assert found["cds_customerdata_version"] == "v1"
    for member in API_OF.values():
        assert found[member].startswith(f"{URL}/cds/v1/")
    for description in found["cds_scope_descriptions"].values():
        for field in description["authorization_details_fields_supported"]:
            assert API_OF.get(field["id"], "issuer") in found


@pytest.mark.req("WG3A-106", "WG3A-107", "WG3A-109")
@pytest.mark.parametrize(
    ("scope_type", "expected"),
    [
        ("cds_accounts", {"accounts", "aggregations"}),
        ("cds_query_service_points", {"servicepoints", "accounts", "servicecontracts", "meterdevices"}),
        ("cds_query_service_contracts", {"accounts", "servicecontracts", "servicepoints", "meterdevices"}),
        ("cds_bill_statements", {"accounts", "billstatement"}),
        ("cds_query_bill_statements", {"accounts", "billstatement"}),
        ("cds_query_aggregations", {"aggregations", "servicepoints"}),
        ("cds_query_usage", {"usagesegments", "meterdevices", "billsection", "aggregations"}),
    ],
)
def test_a_listing_url_stands_exactly_where_an_offered_scope_needs_it(scope_type, expected):
    assert apis(offering(a_scope(scope_type))) == {f"cds_{name}_api" for name in expected}


@pytest.mark.req("WG3A-107")
@pytest.mark.parametrize(
    ("scope_type", "implied"),
    [
        ("cds_query_service_contracts", {"accounts", "servicecontracts"}),
        ("cds_service_contracts", {"accounts", "servicecontracts"}),
        ("cds_bill_statements", {"accounts", "billstatement"}),
        ("cds_service_bills", {"accounts", "servicecontracts", "billsection"}),
    ],
)
def test_what_a_scope_gives_by_default_needs_no_field(scope_type, implied):
    row = SCOPE_TYPES[scope_type]
    bare = offering(a_scope(scope_type, without=[each for each in (*row.available, *row.suggested) if each.startswith("include_")]))
    assert apis(bare) == {f"cds_{name}_api" for name in implied}


@pytest.mark.req("WG3A-108", "WG3A-109")
def test_contracts_and_meters_of_one_scope_need_the_points_between_them():
    assert "cds_servicepoints_api" in apis(offering(a_scope("cds_rate_plan")))
    apart = offering(
        a_scope("cds_rate_plan", without=["include_meter_devices", "include_meter_numbers"]),
        a_scope("cds_query_bill_statements", fields={"include_meter_devices": {}}),
    )
    assert {"cds_servicecontracts_api", "cds_meterdevices_api"} <= apis(apart)
    assert "cds_servicepoints_api" not in apis(apart)


@pytest.mark.req("WG3A-115", "WG3A-112", "WG3A-129")
def test_certificates_open_only_with_their_field():
    without = metadata(offering(a_scope("cds_accounts")))
    assert not {"cds_eacs_api", "cds_eac_formats"} & set(without)
    opened = metadata(offering(a_scope("cds_accounts", fields={"include_eacs": {}})))
    assert opened["cds_eacs_api"] == f"{URL}/cds/v1/eacs"
    assert opened["cds_eac_formats"]["hlp-certificate-v1"]["id"] == "hlp-certificate-v1"
    (field,) = [
        each
        for each in opened["cds_scope_descriptions"]["cds_accounts_hlp"]["authorization_details_fields_supported"]
        if each["id"] == "include_eacs"
    ]
    assert (field["format"], field["is_required"], field["default"]) == ("boolean", False, False)


@pytest.mark.req("WG3A-110", "WG3A-111")
def test_further_value_types_are_described_wherever_usage_is():
    assert metadata(offering(a_scope("cds_usage")))["cds_usagesegments_additional_value_types"] == {}
    assert "cds_usagesegments_additional_value_types" not in metadata(offering(a_scope("cds_accounts")))
    steam = ValueTypeDescription(type="hlp_steam", name="Steam", description="Steam in tonnes", text="Delivered steam.")
    found = metadata(offering(a_scope("cds_usage"), additional_value_types=[steam]))["cds_usagesegments_additional_value_types"]
    assert list(found) == ["hlp_steam"]
    assert found["hlp_steam"]["type"] == "hlp_steam"
    built_in = {
        "electric_usage", "electric_demand", "electric_supply_mix", "water_usage", "natural_gas_usage", "fuel_oil_usage", "cost",
        "meter_readings",
    }  # fmt: skip
    assert {each.type for each in UTILITY.value_formats} <= built_in
    assert set(get_args(v.ValueType)) == built_in


@pytest.mark.req("WG3A-119", "WG3A-120", "WG3B-173")
def test_the_value_format_of_a_choice_stands_there_and_nowhere_else():
    by_id = {each.id: each.wire() for each in UTILITY.value_formats}
    found = metadata(UTILITY)
    seen = 0
    for description in found["cds_scope_descriptions"].values():
        for field in description["authorization_details_fields_supported"]:
            for choice in field.get("choices", []):
                if field["id"] == "include_usage_segment_value_types":
                    assert choice["usagesegment_format"] == by_id[choice["id"]]
                    seen += 1
                else:
                    assert "usagesegment_format" not in choice
    assert seen
    for step in found["cds_registration_fields"].values():
        assert all("usagesegment_format" not in choice for choice in step.get("choices", []))


@pytest.mark.req("WG3A-121", "WG3A-122", "WG3A-130", "WG3A-246", "WG3A-129")
def test_scopes_of_one_type_under_several_ids_keep_their_own_limits():
    short = a_scope("cds_usage", "usage_short", fields={"segment_start": {"default": "P1M", "maximum": "P2M"}})
    long = a_scope("cds_usage", "usage_long", fields={"segment_start": {"default": "P1Y", "maximum": "P5Y"}})
    found = scope_descriptions(offering(short, long), URL)
    limits = {}
    for scope in ("usage_short", "usage_long"):
        fields = {each["id"]: each for each in found[scope]["authorization_details_fields_supported"]}
        assert found[scope]["type"] == "cds_usage"
        assert found[scope]["authorization_details_types_supported"] == [scope]
        assert all(each["for_types"] == [scope] for each in fields.values())
        limits[scope] = (fields["segment_start"]["default"], fields["segment_start"]["maximum"])
    assert limits == {"usage_short": ("P1M", "P2M"), "usage_long": ("P1Y", "P5Y")}


INCLUDES = [field for field in FIELDS.values() if field.kind == "include" and field.id != "include_usage_segment_value_types"]
_ROWS = {
    "include_accounts": 106, "include_account_numbers": 110, "include_account_details": 114, "include_account_programs": 116,
    "include_service_contracts": 118, "include_contract_numbers": 123, "include_rate_plans": 125, "include_service_contract_details": 127,
    "include_service_programs": 129, "include_service_points": 131, "include_premises": 134, "include_service_point_addresses": 136,
    "include_coordinates": 138, "include_meter_devices": 140, "include_meter_numbers": 144, "include_meter_apps": 146,
    "include_bill_statements": 148, "include_bill_statement_files": 151, "include_bill_statement_charges": 153,
    "include_bill_statement_programs": 155, "include_bill_sections": 157, "include_bill_section_line_items": 160,
    "include_bill_section_programs": 162, "include_aggregations": 164, "include_aggregation_addresses": 167,
    "include_usage_segments": 169, "include_eacs": 178,
}  # fmt: skip


@pytest.mark.parametrize("field", [pytest.param(each, id=each.id, marks=pytest.mark.req(f"WG3B-{_ROWS[each.id]}")) for each in INCLUDES])
def test_an_include_field_is_a_boolean_that_no_consent_scope_requires(field):
    """Every field is looked at where it is offered: in the shipped file, else on a scope to which it was added."""
    allowed = [each for each, row in SCOPE_TYPES.items() if is_customer_data(each) and field.id not in row.forbidden and row.required]
    consent = next(each for each in allowed if SCOPE_TYPES[each].kind == "consent" and field.id not in SCOPE_TYPES[each].implied)
    direct = next(each for each in allowed if SCOPE_TYPES[each].kind == "direct")
    offers = [scope_descriptions(UTILITY, URL)]
    offers.append(scope_descriptions(offering(*(a_scope(each, fields={field.id: {}}) for each in (consent, direct))), URL))
    seen = 0
    for description in (each for offer in offers for each in offer.values()):
        for found in description["authorization_details_fields_supported"]:
            if found["id"] == field.id:
                seen += 1
                assert found["format"] == "boolean"
                assert type(found["default"]) is bool
                if description["response_types_supported"]:
                    assert found["is_required"] is False
    assert seen >= 2
    with pytest.raises(ValueError, match="must be false where customers authorize"):
        offering(a_scope(consent, fields={field.id: {"is_required": True}}))


@pytest.mark.req("WG3B-228")
@pytest.mark.parametrize(
    ("scope_type", "choices", "fits"),
    [
        ("cds_meters", ["meter_device_selection"], True),
        ("cds_meters", ["account_selection", "meter_device_selection"], True),
        ("cds_usage", ["aggregation_selection"], False),
        ("cds_usage", ["service_contract_selection", "aggregation_selection"], True),
        ("cds_service_bills", ["account_selection"], False),
        ("cds_service_bills", ["service_contract_selection", "account_selection"], True),
        ("cds_accounts", ["service_contract_selection"], False),
        ("cds_accounts", [], False),
    ],
)
def test_a_server_offers_any_selections_of_a_scope_that_hold_the_smallest_set(scope_type, choices, fits):
    changed = {"choices": choices, "default": choices[0] if choices else None}
    offer = a_scope(scope_type, fields={"authorization_form_selection_type": changed})
    if not fits:
        with pytest.raises(ValueError, match=r"must hold|at least one choice"):
            offering(offer)
        return
    (field,) = [
        each
        for each in scope_descriptions(offering(offer), URL)[f"{scope_type}_hlp"]["authorization_details_fields_supported"]
        if each["id"] == "authorization_form_selection_type"
    ]
    assert [each["id"] for each in field["choices"]] == choices
    assert field["default"] == choices[0]


@pytest.mark.req("WG3B-265")
def test_a_client_can_switch_editing_off_on_every_consent_scope():
    for description in scope_descriptions(UTILITY, URL).values():
        if description["response_types_supported"]:
            (field,) = [each for each in description["authorization_details_fields_supported"] if each["id"] == "allow_scope_modifications"]
            assert field["format"] == "boolean"


@pytest.mark.req("WG3A-273")
def test_a_usage_query_always_offers_the_value_types_that_it_includes():
    offered = offering(a_scope("cds_query_usage"))
    (field,) = [
        each
        for each in scope_descriptions(offered, URL)["cds_query_usage_hlp"]["authorization_details_fields_supported"]
        if each["id"] == "include_usage_segment_value_types"
    ]
    assert field["default"] == [each["id"] for each in field["choices"]]
    with pytest.raises(ValueError, match="required, or not offered"):
        offering(a_scope("cds_query_usage", without=["include_usage_segment_value_types"]))
