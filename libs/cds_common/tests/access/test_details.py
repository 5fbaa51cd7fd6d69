"""authorization_details of requests against the scopes that the shipped configuration offers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_common.access.catalogue import PRESELECTION_FIELDS
from cds_common.access.details import (
    ClientLimits,
    RequestedAccess,
    encryption_key,
    grant_expires,
    scope_string,
    to_grant,
    validate_request,
)
from cds_common.access.errors import InvalidAuthorizationDetails, InvalidScope
from cds_common.access.merging import request_sections
from cds_common.access.offers import OfferedField, OfferedScope
from cds_common.utility import load_utility
from cds_common.utility.offers import offered_scopes

from .conftest import VECTORS

UTILITY = load_utility(Path(__file__).parents[4] / "config" / "utility.yaml")
OFFERED = offered_scopes(UTILITY)
NOW = datetime(2025, 11, 24, 18, 12, tzinfo=UTC)
USAGE, SERVICES = "cds_usage_hlp", "cds_service_contracts_hlp"


def limits(**changes: Any) -> ClientLimits:
    own = {scope: frozenset({"hlp-any-use", "own"}) for scope in OFFERED}
    return ClientLimits(**{"scopes": frozenset(OFFERED), "details_types": frozenset(OFFERED), "purposes": own} | changes)


def ask(scope: str | None, details: Any = None, flow: str = "authorization_code", **changes: Any):
    request = RequestedAccess(scope, details, flow)  # type: ignore[arg-type]
    return validate_request(request, limits=limits(**changes), offered=OFFERED, now=NOW, tz=UTILITY.tz)


@pytest.mark.req("WG3B-006", "WG3B-007", "WG102-085")
def test_a_bare_scope_gets_every_field_with_its_default():
    (entry,) = ask(USAGE)
    assert set(entry.details) == set(OFFERED[USAGE].fields)
    assert entry.details["segment_start"] == "P13M"
    assert entry.details["include_meter_devices"] is False
    assert entry.details["purpose"] == "hlp-any-use"
    assert "gas-month" in entry.details["include_usage_segment_value_types"]


@pytest.mark.req("WG102-043")
def test_details_override_the_scope_of_the_string_and_keep_its_order():
    entries = ask(f"{USAGE} {SERVICES} {USAGE}", [{"type": USAGE, "include_meter_numbers": True}])
    assert [(each.entry_no, each.scope) for each in entries] == [(0, USAGE), (1, SERVICES)]
    assert entries[0].details["include_meter_numbers"] is True
    assert scope_string(entries) == f"{USAGE} {SERVICES}"


def test_a_type_alone_asks_for_its_scope():
    assert [each.scope for each in ask(SERVICES, [{"type": USAGE}])] == [SERVICES, USAGE]


def test_missing_parameters_become_the_clients_defaults():
    defaults = ({"type": USAGE, "include_meter_numbers": True}, {"type": SERVICES, "include_contract_numbers": True})
    (entry,) = ask(None, None, default_scope=USAGE, default_details=defaults)
    assert (entry.scope, entry.details["include_meter_numbers"]) == (USAGE, True)
    with pytest.raises(InvalidScope):
        ask(None, None, flow="client_credentials", default_scope="cds_query_usage_hlp")


@pytest.mark.parametrize(
    ("scope", "flow"),
    [
        ("", "authorization_code"),
        ("a  b", "authorization_code"),
        ("cds_unknown", "authorization_code"),
        ("cds_query_usage_hlp", "authorization_code"),
        (USAGE, "client_credentials"),
        ("cds_client_admin", "authorization_code"),
        ("cds_client_admin", "server"),
        ("cds_server_provided_files_hlp", "client_credentials"),
        (" ".join(f"s{n}" for n in range(60)), "authorization_code"),
        ("x" * 300, "authorization_code"),
        ('"', "authorization_code"),
    ],
)
def test_scopes_that_cannot_be_had(scope, flow):
    with pytest.raises(InvalidScope):
        ask(scope, flow=flow)


def test_a_scope_or_type_of_another_client():
    with pytest.raises(InvalidScope):
        ask(USAGE, scopes=frozenset({SERVICES}))
    with pytest.raises(InvalidAuthorizationDetails) as refused:
        ask(USAGE, [{"type": USAGE}], details_types=frozenset({SERVICES}))
    assert refused.value.pointer == "/0/type"


@pytest.mark.req("WG3B-002", "WG3B-230", "WG3B-232", "WG3B-260", "WG102-088")
@pytest.mark.parametrize(
    ("details", "pointer"),
    [
        ("text", ""),
        ({}, ""),
        ([1], "/0"),
        ([{}], "/0/type"),
        ([{"type": 5}], "/0/type"),
        ([{"type": "cds_unknown"}], "/0/type"),
        ([{"type": USAGE}, {"type": USAGE}], "/1/type"),
        ([{"type": USAGE, "colour": 1}], "/0/colour"),
        ([{"type": USAGE, "a/b~c": 1}], "/0/a~1b~0c"),
        ([{"type": USAGE, "actions": ["read"]}], "/0/actions"),
        ([{"type": USAGE, "include_bill_statements": True}], "/0/include_bill_statements"),
        ([{"type": USAGE, "include_meter_devices": "true"}], "/0/include_meter_devices"),
        ([{"type": USAGE, "contract_numbers": []}], "/0/contract_numbers"),
        ([{"type": USAGE, "segment_start": "P3Y"}], "/0/segment_start"),
        ([{"type": USAGE, "include_usage_segment_value_types": ["gas-year"]}], "/0/include_usage_segment_value_types"),
        ([{"type": USAGE, "authorization_form_selection_type": "list"}], "/0/authorization_form_selection_type"),
        ([{"type": USAGE, "purpose": "of-another-client"}], "/0/purpose"),
        ([{"type": USAGE, "contract_numbers": ["x" * 10_001]}], "/0/contract_numbers"),
        ([{"type": USAGE, **{f"f{n}": 1 for n in range(200)}}], "/0/type"),
    ],
)
def test_bad_details(details, pointer):
    with pytest.raises(InvalidAuthorizationDetails) as refused:
        ask(USAGE, details)
    assert refused.value.pointer == pointer
    assert refused.value.faults[0].pointer == pointer


@pytest.mark.req("WG3B-081", "WG3B-257", "WG3B-262")
@pytest.mark.parametrize("field", ["addresses", "merge_selection_with", "purpose", "allow_scope_modifications",
                                   "authorization_form_selection_type"])  # fmt: skip
def test_form_fields_are_unknown_to_direct_access(field):
    for scope in (each for each in OFFERED.values() if each.type.startswith("cds_query")):
        assert field not in scope.fields
    with pytest.raises(InvalidAuthorizationDetails):
        ask("cds_query_usage_hlp", [{"type": "cds_query_usage_hlp", field: None}], flow="client_credentials")


@pytest.mark.req("WG3A-147", "WG3A-160", "WG3A-238", "WG3A-239", "WG3A-240", "WG3A-241")
@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        ("cds_account_programs_hlp", {}),
        ("cds_account_programs_hlp", {"account_programs": None}),
        ("cds_service_programs_hlp", {"service_programs": None}),
        ("cds_aggregation_consent_hlp", {"aggregation_numbers": ["A"]}),
        ("cds_aggregation_consent_hlp", {"premise_numbers": ["P"]}),
        ("cds_aggregation_consent_hlp", {"aggregation_numbers": ["A"], "premise_numbers": ["P"], "error_if_no_preselections": False}),
        ("cds_aggregation_consent_hlp", {"aggregation_numbers": ["A"], "premise_numbers": ["P"], "allow_scope_modifications": True}),
    ],
)
def test_values_that_a_scope_never_accepts(scope, fields):
    with pytest.raises(InvalidAuthorizationDetails):
        ask(scope, [{"type": scope, **fields}])


@pytest.mark.req("WG102-084")
def test_grant_admin_needs_its_two_fields():
    scope = "cds_grant_admin_hlp"
    (entry,) = ask(scope, [{"type": scope, "client_id": "c", "grant_id": "g"}], flow="client_credentials")
    assert entry.details == {"client_id": "c", "grant_id": "g"}
    for details in (None, [{"type": scope, "client_id": "c"}]):
        with pytest.raises(InvalidAuthorizationDetails):
            ask(scope, details, flow="client_credentials")


SELECTIONS = {"choices": ["service_contract_selection", "meter_device_selection"]}
"""The vectors shorten this field to its default."""


def _section_case(vector):
    for fields in vector["field_objects"].values():
        fields["authorization_form_selection_type"] |= SELECTIONS
    offered = {
        scope: OfferedScope(scope, "cds_usage", {name: OfferedField.of_wire(name, wire) for name, wire in fields.items()},
                            grant_types=("authorization_code",))
        for scope, fields in vector["field_objects"].items()
    }  # fmt: skip
    own = ClientLimits(frozenset(offered), frozenset(offered), dict.fromkeys(offered, frozenset({"p1", "p2"})))
    details = [{"type": scope, **values} for scope, values in vector["values"].items()]
    request = RequestedAccess(vector["scope_parameter"], details or None, "authorization_code")
    return validate_request(request, limits=own, offered=offered, now=NOW, tz=UTC)


@pytest.mark.req("WG3B-233", "WG3B-234", "WG3B-235", "WG3B-236", "WG3B-237", "WG3B-238", "WG3B-239", "WG3B-240", "WG3B-241", "WG3B-242",
                 "WG3B-243", "WG3B-244")  # fmt: skip
@pytest.mark.parametrize("vector", VECTORS["merge_selections"], ids=lambda each: each["name"])
def test_merge_selections(vector):
    if "error" in vector["expected"]:
        with pytest.raises(InvalidAuthorizationDetails, match=r"merge|only one of|different ways|must be the same"):
            _section_case(vector)
    else:
        sections = request_sections(_section_case(vector))
        assert [[each.scope for each in section] for section in sections] == vector["expected"]["request_sections"]


KEYS = {"K1": VECTORS["jwk"]["valid_p256"], "K2": VECTORS["jwk"]["valid_p256"] | {"kid": "2"}, "null": None}


@pytest.mark.req("WG3B-267")
@pytest.mark.parametrize("case", VECTORS["jwk"]["across_scopes"], ids=lambda case: "-".join(case["values"]))
def test_one_key_for_all_scopes(case):
    details = [
        {"type": scope} | ({} if value == "omitted" else {"jwk": KEYS[value]})
        for scope, value in zip((USAGE, SERVICES), case["values"], strict=True)
    ]
    if case["ok"]:
        granted = to_grant(ask(f"{USAGE} {SERVICES}", details), NOW, UTILITY.tz)
        assert encryption_key(granted) == KEYS.get(case["values"][0])
    else:
        with pytest.raises(InvalidAuthorizationDetails):
            ask(f"{USAGE} {SERVICES}", details)


WALK = [
    {"type": SERVICES, "contract_numbers": ["_all"], "include_account_numbers": True, "sync_until": "P3Y", "purpose": "own",
     "merge_selection_with": USAGE},
    {"type": USAGE, "contract_numbers": ["_all"], "include_usage_segment_value_types": ["el-15min", "gas-month"], "sync_until": "P3Y",
     "segment_start": "P13M", "segment_end": "infinite", "purpose": "own", "merge_selection_with": SERVICES},
]  # fmt: skip


@pytest.mark.req("WG3B-008", "WG3B-185", "WG3B-187", "WG3B-273", "WG102-090")
def test_the_walkthrough_request_becomes_the_walkthrough_grant():
    entries = ask(f"{SERVICES} {USAGE}", WALK)
    assert [[each.scope for each in section] for section in request_sections(entries)] == [[SERVICES, USAGE]]
    services, usage = to_grant(entries, NOW, UTILITY.tz)
    assert services.details["sync_until"] == "2028-11-24T18:12:00Z"
    assert usage.details["segment_start"] == "2024-10-24T17:12:00Z"
    assert usage.details["segment_end"] == "infinite"
    assert usage.details["jwk"] is None
    assert usage.details["authorization_form_selection_type"] == "service_contract_selection"
    assert usage.wire()["type"] == USAGE
    assert not {"contract_numbers", "account_numbers", "addresses"} & set(usage.details)
    assert grant_expires([services, usage]) is None


@pytest.mark.req("WG3A-140", "WG3A-151", "WG3A-175", "WG3A-185", "WG3A-198", "WG3A-207", "WG3A-217", "WG3A-234")
@pytest.mark.parametrize("scope", [each for each in OFFERED if OFFERED[each].response_types and "aggregation" not in each])
def test_no_consent_scope_gives_its_preselections_back(scope):
    details = {"type": scope} | ({"account_programs": ["BB-1"]} if "account_programs" in OFFERED[scope].fields else {})
    details |= {"service_programs": ["PS-4"]} if "service_programs" in OFFERED[scope].fields else {}
    (granted,) = to_grant(ask(scope, [details]), NOW, UTILITY.tz)
    kept = {"cds_account_programs_hlp": {"account_programs"}, "cds_service_programs_hlp": {"service_programs"}}.get(scope, set())
    assert set(granted.details) & set(PRESELECTION_FIELDS) == kept
    assert set(granted.details) | set(PRESELECTION_FIELDS) >= set(OFFERED[scope].fields)


@pytest.mark.req("WG3A-151", "WG3B-016")
def test_direct_access_keeps_its_preselections_and_consents_only_the_named_ones():
    direct = ask("cds_query_accounts_hlp", [{"type": "cds_query_accounts_hlp", "account_numbers": ["B-310-77"]}], "client_credentials")
    (granted,) = to_grant(direct, NOW, UTILITY.tz)
    assert granted.details["account_numbers"] == ["B-310-77"]
    assert granted.details["contract_numbers"] is None
    programs = ask("cds_account_programs_hlp", [{"type": "cds_account_programs_hlp", "account_programs": ["BB-1"]}])
    (kept,) = to_grant(programs, NOW, UTILITY.tz)
    assert kept.details["account_programs"] == ["BB-1"]
    assert "account_numbers" not in kept.details


@pytest.mark.req("WG3B-224", "WG3A-245")
def test_expires_of_the_grant():
    scope = "cds_aggregation_consent_hlp"
    details = {"type": scope, "aggregation_numbers": ["A"], "premise_numbers": ["P"], "expires": "P1Y"}
    (granted,) = to_grant(ask(scope, [details]), NOW, UTILITY.tz)
    assert grant_expires([granted]) == datetime(2026, 11, 24, 18, 12, tzinfo=UTC)
    assert granted.details["aggregation_numbers"] == ["A"]


@pytest.mark.req("WG3B-260")
def test_a_default_purpose_that_the_client_lacks_is_left_out():
    (entry,) = ask(USAGE, purposes={USAGE: frozenset({"own"})})
    assert entry.details["purpose"] is None
