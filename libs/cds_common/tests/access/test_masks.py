"""The masks against the schemas of the specification."""

import json

import pytest

from cds_common.access.catalogue import FIELDS, SCOPE_TYPES, is_consent, is_customer_data, is_direct
from cds_common.access.fields import PRESELECTION_FIELDS
from cds_common.access.masks import ALWAYS, OPENED_BY, visible_properties

from .conftest import FIELDS_FILE, SPEC

SCHEMA_OF = {
    "account": "account", "service_contract": "service-contract", "service_point": "service-point", "meter_device": "meter-device",
    "bill_statement": "bill-statement", "bill_section": "bill-section", "new_charge": "new-charge", "aggregation": "aggregation",
    "usage_segment": "usage-segment", "eac": "energy-attribute-certificate",
}  # fmt: skip


@pytest.mark.req("WG3C-278")
@pytest.mark.req("WG3B-103", "WG3B-109", "WG3B-111", "WG3B-112", "WG3B-113", "WG3B-115", "WG3B-117", "WG3B-122", "WG3B-124", "WG3B-126",
                 "WG3B-128", "WG3B-130", "WG3B-133", "WG3B-135", "WG3B-137", "WG3B-139", "WG3B-143", "WG3B-145", "WG3B-147", "WG3B-150",
                 "WG3B-152", "WG3B-154", "WG3B-156", "WG3B-159", "WG3B-161", "WG3B-163", "WG3B-166", "WG3B-168")  # fmt: skip
@pytest.mark.parametrize("kind", SCHEMA_OF)
def test_every_property_of_the_schema_is_always_there_or_behind_its_flag(kind):
    schema = json.loads((SPEC / "schemas" / f"{SCHEMA_OF[kind]}.json").read_text())
    gated = {name: rule["x-included-by"] for name, rule in schema["properties"].items() if "x-included-by" in rule}
    assert {name: [flag] for name, flag in OPENED_BY[kind].items()} == gated
    assert ALWAYS[kind] == set(schema["properties"]) - set(gated)
    assert ALWAYS[kind] >= set(schema["required"])


def test_flags_open_what_they_name_and_nothing_else():
    assert visible_properties("meter_device", []) == ALWAYS["meter_device"]
    assert visible_properties("meter_device", ["include_meter_numbers"]) - ALWAYS["meter_device"] == {"meter_number"}
    assert "account_programs" not in visible_properties("bill_statement", ["include_account_programs"])


@pytest.mark.req("WG3B-017", "WG3B-023", "WG3B-026", "WG3B-032", "WG3B-036", "WG3B-039", "WG3B-045", "WG3B-051", "WG3B-057", "WG3B-063",
                 "WG3B-069", "WG3B-073", "WG3B-080", "WG3B-191", "WG3B-200", "WG3B-203", "WG3B-206", "WG3B-209", "WG3B-213", "WG3B-218",
                 "WG3B-223")  # fmt: skip
def test_the_tables_name_the_fields_of_section_7():
    digest = {each["id"]: each for each in FIELDS_FILE["fields"]}
    assert list(FIELDS) == list(digest)
    groups = {"included-data": "include"}
    for field_id, field in FIELDS.items():
        assert set(field.formats) == set(digest[field_id]["formats_allowed"]), field_id
        assert field.kind == groups.get(digest[field_id]["group"], digest[field_id]["group"]), field_id
        assert field.section == digest[field_id]["section"], field_id
    assert len(PRESELECTION_FIELDS) == 13


def test_the_tables_name_the_scopes_of_section_6():
    digest = FIELDS_FILE["scopes"]
    assert {each for each in SCOPE_TYPES if is_customer_data(each)} == set(digest)
    for scope_type, each in digest.items():
        row = SCOPE_TYPES[scope_type]
        assert set(row.required) == set(each["fields_must"]), scope_type
        assert set(each["fields_must_when_data_available"]) <= {*row.offered_by_default, "include_bill_statements"}, scope_type
        assert row.forbidden >= set(each["fields_must_not"]), scope_type
        assert row.implied == set(each["implied_true"]), scope_type
        assert is_consent(scope_type) is (each["kind"] == "customer-consent")
        assert is_direct(scope_type) is (each["kind"] == "direct-access")
        kept = each["preselection_fields_kept_in_grant"]
        assert row.kept_preselections == (set(PRESELECTION_FIELDS) if kept == "all" else set(kept)), scope_type
    assert not is_customer_data("cds_client_admin")
    assert not is_customer_data("made_up")
