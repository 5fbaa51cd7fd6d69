"""Each of the 55 fields against the specification's digest: where it is offered, its default, its limits, what it takes and refuses."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_common.access.catalogue import FIELDS, INFINITE, PRESELECTION_FIELDS, SCOPE_TYPES, is_consent
from cds_common.access.details import ClientLimits, EffectiveEntry, RequestedAccess, to_grant, validate_request
from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.access.offers import OfferedField, OfferedScope
from cds_common.utility import load_utility
from cds_common.utility.checks import find_faults
from cds_common.utility.models import ScopeOffer
from cds_common.utility.offers import offered_scopes

from .conftest import FIELDS_FILE, VECTORS

ROOT = Path(__file__).parents[4]
UTILITY = load_utility(ROOT / "config" / "utility.yaml")
OFFERED = offered_scopes(UTILITY)
DIGEST: dict[str, dict[str, Any]] = {each["id"]: each for each in FIELDS_FILE["fields"]}
NOW = datetime(2026, 11, 24, 18, 12, tzinfo=UTC)
NEEDED: dict[str, dict[str, Any]] = {
    "cds_account_programs": {"account_programs": ["BB-1"]},
    "cds_service_programs": {"service_programs": ["PS-4"]},
    "cds_aggregation_consent": {"aggregation_numbers": ["A"], "premise_numbers": ["P"]},
}
"""What a scope does not go without."""


def offering(field_id: str) -> list[OfferedScope]:
    """The shipped scopes with the field, else one to which it is added."""
    found = [scope for scope in OFFERED.values() if field_id in scope.fields and scope.type in SCOPE_TYPES]
    if found:
        return found
    scope_type = next(name for name, row in SCOPE_TYPES.items() if row.kind == "direct" and field_id not in row.forbidden)
    scopes = [each for each in UTILITY.scopes if each.type in {"cds_client_admin", "cds_grant_admin"}]
    offer = ScopeOffer.model_validate({"type": scope_type, "id": "added", "coverages": ["hlp-electric"], "fields": {field_id: {}}})
    changed = UTILITY.model_copy(update={"scopes": [*scopes, offer], "invite_codes": []})
    assert find_faults(changed) == []
    return [offered_scopes(changed)["added"]]


def ask(scope: OfferedScope, **fields: Any) -> EffectiveEntry:
    flow: Any = "authorization_code" if is_consent(scope.type) else "client_credentials"
    own = ClientLimits(frozenset({scope.id}), frozenset({scope.id}), {scope.id: frozenset({"own", "hlp-any-use"})})
    required = {"aggregation_numbers": ["B"]} if any(field.is_required for field in scope.fields.values()) else {}
    details = [{"type": scope.id, **required, **NEEDED.get(scope.type, {}), **fields}]
    (entry,) = validate_request(RequestedAccess(None, details, flow), limits=own, offered={scope.id: scope}, now=NOW, tz=UTILITY.tz)
    return entry


def good_values(field: OfferedField) -> list[Any]:
    """Values inside the limits of the field as it is offered."""
    name = field.format
    if name == "boolean":
        return [] if field.id in {"error_if_no_preselections", "allow_scope_modifications"} else [True, False]
    if name.startswith("string_list"):
        return [["1111"], ["1111", "2222"], ["1111", "1111"]]
    if name.startswith("choice_list"):
        ids = [choice.id for choice in field.choices]
        return [ids[:1], ids]
    if name.startswith("relative"):
        edge = field.maximum if field.looks_back and field.maximum != INFINITE else field.minimum if not field.looks_back else "P1D"
        return [each for each in (edge, INFINITE if field.maximum == INFINITE else None) if each is not None]
    return {
        "jwk_or_null": [VECTORS["jwk"]["valid_p256"], None], "choice_or_null": ["own", None], "string_or_null": [None],
        "choice": [each.id for each in field.choices], "string": ["x"],
    }[name]  # fmt: skip


def bad_values(field: OfferedField) -> list[Any]:
    """Values of a wrong type, outside the choices, or beyond the limits."""
    name = field.format
    if name == "boolean":
        return ["true", "yes", 1, 0, None, [], {}]
    if name.startswith("string_list"):
        return ["1111", [], [1], [None], {}, ["x" * 10_001], [["1111"]], True]
    if name.startswith("choice_list"):
        return ["electric", [], ["no-such-choice"], [field.choices[0].id, "no-such-choice"], [1], {}]
    if name.startswith("relative"):
        beyond = "P30Y" if field.maximum != INFINITE else None
        return [None, 5, True, [], "yesterday", "P", "1Y", "P1M1Y", *([] if beyond is None else [beyond, INFINITE])]
    return {
        "jwk_or_null": [*(each["jwk"] for each in VECTORS["jwk"]["invalid"]), "key", []], "choice_or_null": ["no-such-choice", 5, []],
        "string_or_null": [5, [], ""], "choice": ["no-such-choice", None, 5, []], "string": [5, None, ""],
    }[name]  # fmt: skip


def test_the_catalogue_holds_exactly_the_fields_of_section_7() -> None:
    assert set(FIELDS) == set(DIGEST)
    assert len(FIELDS) == 55
    groups = {"preselection": "preselection", "included-data": "include", "duration": "duration", "other": "other"}
    for name, digest in DIGEST.items():
        field = FIELDS[name]
        assert (field.section, field.kind) == (digest["section"], groups[digest["group"]])
        assert set(field.formats) == set(digest["formats_allowed"])


@pytest.mark.req("WG3B-001", "WG3B-005", "WG3B-006")
@pytest.mark.parametrize("field_id", FIELDS)
def test_a_field_is_offered_in_a_format_and_with_a_default_that_the_specification_knows(field_id: str) -> None:
    digest = DIGEST[field_id]
    for scope in offering(field_id):
        field = scope.fields[field_id]
        assert field.format in digest["formats_allowed"]
        mandated = digest["default"]["mandated"]
        if isinstance(mandated, dict) and scope.type in mandated:
            assert field.default == mandated[scope.type]
        if is_consent(scope.type):
            assert field.is_required is False
        if digest["group"] == "preselection" and not field.is_required and scope.type not in NEEDED:
            assert field.default is None
        if digest["group"] == "included-data" and field.format == "boolean":
            assert field.default is (field_id in SCOPE_TYPES[scope.type].implied)
        if field.format.startswith("relative"):
            assert isinstance(field.maximum, str)
            assert isinstance(field.minimum, str)
        assert scope.type not in digest["scopes"]["must_not_support"]


@pytest.mark.req("WG3B-002", "WG3B-004", "WG3B-005", "WG3B-007")
@pytest.mark.parametrize("field_id", FIELDS)
def test_a_field_takes_what_fits_and_keeps_it(field_id: str) -> None:
    for scope in offering(field_id):
        field = scope.fields[field_id]
        for value in good_values(field):
            assert ask(scope, **{field_id: value}).details[field_id] == value
        if not field.is_required and field_id not in NEEDED.get(scope.type, {}):
            expected = "hlp-any-use" if field_id == "purpose" else field.default
            assert ask(scope).details[field_id] == expected


@pytest.mark.req("WG3B-002", "WG3B-004", "WG3B-005")
@pytest.mark.parametrize("field_id", FIELDS)
def test_a_field_refuses_what_does_not_fit_and_says_where(field_id: str) -> None:
    for scope in offering(field_id):
        if scope.starts_at_last_bill and field_id == "statement_date_start":
            continue  # the server's own to set
        for value in bad_values(scope.fields[field_id]):
            with pytest.raises(InvalidAuthorizationDetails) as refused:
                ask(scope, **{field_id: value})
            assert refused.value.pointer == f"/0/{field_id}"


@pytest.mark.req("WG3B-185", "WG3B-187", "WG102-090")
@pytest.mark.parametrize("case", VECTORS["duration_conversion"], ids=lambda each: f"{each['field']}-{each['value']}-{each['cds_timezone']}")
def test_relative_values_become_absolute_in_the_grant(case: dict[str, str]) -> None:
    entry = EffectiveEntry(0, "s", "cds_usage", {case["field"]: case["value"]})
    created = datetime.fromisoformat(case["grant_created"])
    (granted,) = to_grant([entry], created, ZoneInfo(case["cds_timezone"]))
    assert granted.details[case["field"]] == case["grant_value"]


@pytest.mark.req("WG3A-122", "WG3A-129")
def test_a_grant_shows_every_field_of_a_direct_scope_and_all_but_preselections_of_a_consent() -> None:
    for scope in OFFERED.values():
        if (
            scope.type in SCOPE_TYPES
            and scope.type.startswith("cds_")
            and scope.fields
            and SCOPE_TYPES[scope.type].kind in {"consent", "direct"}
        ):
            required = (
                {"aggregation_numbers": ["B"]} if scope.fields.get("aggregation_numbers", OfferedField("", "boolean")).is_required else {}
            )
            (granted,) = to_grant([ask(scope, **required)], NOW, UTILITY.tz)
            dropped = set(PRESELECTION_FIELDS) - SCOPE_TYPES[scope.type].kept_preselections
            assert set(granted.details) == set(scope.fields) - dropped
            json.dumps(granted.wire())
