"""What is ticked when the form opens, by the vectors of the specification."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace as changed

from cds_common.access.addresses import EXAMPLES, is_typical, normalise_address, normalise_input, normalise_typical
from cds_common.access.details import EffectiveEntry
from cds_common.access.relations import Relations
from cds_common.access.selection import preselected, related_to_aggregations, selectable, shows_preselection_error
from cds_common.events.values import AggregationPublishedV1

from .conftest import FIXTURE, K1, NAMES, VECTORS, names, resource, uid

_ROWS = {
    "account_numbers": ("WG3B-018", "WG3B-019", "WG3B-020"), "account_programs": ("WG3B-024",),
    "contract_numbers": ("WG3B-027", "WG3B-028", "WG3B-029"), "service_types": ("WG3B-033", "WG3B-034"),
    "service_programs": ("WG3B-037",), "servicepoint_numbers": ("WG3B-040", "WG3B-041", "WG3B-042", "WG3B-043"),
    "servicepoint_types": ("WG3B-048",), "premise_numbers": ("WG3B-053", "WG3B-055"),
    "meter_numbers": ("WG3B-058", "WG3B-059", "WG3B-060", "WG3B-061"), "meter_types": ("WG3B-064", "WG3B-065"),
    "meter_apps": ("WG3B-070", "WG3B-071"), "aggregation_numbers": ("WG3B-074", "WG3B-075", "WG3B-076", "WG3B-077", "WG3B-078"),
    "addresses": ("WG3B-082", "WG3B-083", "WG3B-084", "WG3B-085", "WG3B-086", "WG3B-097", "WG3B-098"),
}  # fmt: skip


def _cases():
    for index, vector in enumerate(VECTORS["preselection"]):
        rows = {row for field in vector["fields"] for row in _ROWS[field]} | {"WG3B-012", "WG3B-013", "WG3B-014", "WG3B-015"}
        yield pytest.param(vector, id=f"{index}-{vector['selection']}", marks=pytest.mark.req(*sorted(rows)))


@pytest.mark.parametrize("vector", _cases())
def test_preselection(k1, vector):
    found = preselected(k1, [K1], vector["selection"], vector["fields"])
    assert names(found.ids) == sorted(vector["ticked"])
    assert found.include_future is (vector["fields"].get("account_numbers") == ["_include_future"])


@pytest.mark.parametrize(
    ("selection", "field", "values", "ticked"),
    [
        ("account_selection", "servicepoint_types", ["multi_service"], ["A2"]),
        ("service_contract_selection", "servicepoint_types", ["multi_service"], ["C3"]),
        ("meter_device_selection", "servicepoint_types", ["multi_service"], ["M3"]),
        ("account_selection", "premise_numbers", ["PR-2"], ["A2"]),
        ("servicepoint_selection", "premise_numbers", ["PR-1"], ["P1", "P2"]),
        ("meter_device_selection", "meter_types", ["forward_only"], ["M2", "M3"]),
        ("servicepoint_selection", "meter_types", ["bidirectional"], ["P1"]),
        ("meter_device_selection", "account_numbers", ["1111"], ["M1", "M2"]),
        ("servicepoint_selection", "contract_numbers", ["C-3"], ["P3"]),
    ],
)
@pytest.mark.req("WG3B-046", "WG3B-047", "WG3B-049", "WG3B-052", "WG3B-054", "WG3B-066", "WG3B-067")
def test_pairs_that_the_vectors_leave_out(k1, selection, field, values, ticked):
    assert names(preselected(k1, [K1], selection, {field: values}).ids) == ticked


@pytest.mark.req("WG3B-021", "WG3B-030")
@pytest.mark.parametrize("field", ["account_numbers", "contract_numbers"])
def test_include_future_ticks_the_option_and_nothing_else(k1, field):
    found = preselected(k1, [K1], "service_contract_selection", {field: ["_include_future"]})
    assert (found.ids, found.include_future, found.used) == (frozenset(), True, True)
    assert preselected(k1, [K1], "meter_device_selection", {field: ["_include_future"]}).include_future is False


@pytest.mark.req("WG3B-011")
def test_a_field_that_the_client_may_not_use_matches_nothing(k1):
    details = {"account_numbers": ["1111"], "service_types": ["electric"]}
    assert names(preselected(k1, [K1], "service_contract_selection", details, usable=["service_types", "account_numbers"]).ids) == ["C1"]
    assert preselected(k1, [K1], "service_contract_selection", details, usable=["service_types"]).ids == frozenset()


def test_nothing_requested_ticks_nothing(k1):
    found = preselected(k1, [K1], "account_selection", {"account_numbers": None})
    assert (found.ids, found.used) == (frozenset(), False)


def test_the_list_holds_only_the_customers_own(k1):
    assert [NAMES[each] for each in selectable(k1, [K1], "service_contract_selection")] == ["C4", "C1", "C2", "C3"]
    assert selectable(k1, [uid("somebody")], "service_contract_selection") == []


@pytest.mark.req("WG3B-246", "WG3B-250", "WG3B-251")
@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({"error_if_no_preselections": True, "contract_numbers": ["C-9"]}, True),
        ({"error_if_no_preselections": True, "contract_numbers": ["C-9", "C-1"]}, False),
        ({"error_if_no_preselections": True, "contract_numbers": ["_include_future"]}, True),
        ({"error_if_no_preselections": True, "contract_numbers": None}, False),
        ({"error_if_no_preselections": False, "contract_numbers": ["C-9"]}, False),
        ({"contract_numbers": ["C-9"]}, False),
    ],
)
def test_preselection_error(k1, details, error):
    ticked = preselected(k1, [K1], "service_contract_selection", details)
    assert shows_preselection_error([EffectiveEntry(0, "s", "cds_usage", details)], ticked) is error


@pytest.mark.req("WG3B-088", "WG3B-089", "WG3B-090", "WG3B-091", "WG3B-092", "WG3B-093")
@pytest.mark.parametrize("vector", VECTORS["address_normalisation"], ids=lambda each: each["stored"][:20])
def test_normalised_addresses(vector):
    normalise = normalise_typical if vector["class"] == "typical" else normalise_input
    assert normalise(vector["stored"]) == vector["normalised"]


@pytest.mark.req("WG3B-094", "WG3B-095", "WG3B-096")
@pytest.mark.parametrize("vector", VECTORS["address_inputs_against_A1"], ids=lambda each: each["input"][:30])
def test_inputs_are_only_put_on_one_line(vector):
    assert normalise_input(vector["input"]) == vector["normalised_input"]
    stored = next(each["account_address"] for each in FIXTURE["accounts"] if each["cds_account_id"] == "A1")
    assert (normalise_address(stored) == normalise_input(vector["input"])) is vector["matches"]


@pytest.mark.req("WG3B-087")
@pytest.mark.parametrize(
    ("address", "typical"),
    [
        ("123 Main St. #234\nAnytown, CA 00000", True), ("PO Box 9\nAnytown, CA 00000", True), ("Acme\n1 A St\nTown, WA 98000-1234", True),
        ("12 mi  North on FM 5555\n ...", False), ("Anytown, CA 00000", False), ("14 Pier Road", False),
        ("14 Pier Road\nTown, ZZ 98000", False),
        ("", False), ("\n,\n", False),
    ],
)  # fmt: skip
def test_classes_of_addresses(address, typical):
    assert is_typical(address) is typical
    normalise_address(address)


def test_the_examples_of_the_documentation_have_their_class():
    assert [(is_typical(text), kind) for text, kind in EXAMPLES] == [(True, "typical"), (False, "atypical")]


@pytest.mark.req("WG3B-099")
def test_a_strangers_twin_address_does_not_spoil_a_match():
    mine = resource("account", "A1", address="77 Oak Ave\nAnytown, CA 00000")
    theirs = resource("account", "A2", address="77 Oak Ave\nAnytown, CA 00000").model_copy(update={"customer_ids": [uid("other")]})
    relations = Relations.of([mine, theirs], at=datetime(2024, 1, 1, tzinfo=UTC))
    found = preselected(relations, [K1], "account_selection", {"addresses": ["77 oak avenue, anytown, california, 00000"]})
    assert names(found.ids) == ["A1"]


def test_a_consent_to_be_counted_concerns_the_customers_points_at_the_named_premises(k1):
    wanted = {"aggregation_numbers": ["B1111", "B2222"], "premise_numbers": ["PR-1"]}
    assert {NAMES[group]: names(points) for group, points in related_to_aggregations(k1, [K1], wanted).items()} == {"G1": ["P1"]}
    assert related_to_aggregations(k1, [uid("other")], wanted) == {}
    assert related_to_aggregations(k1, [K1], wanted | {"premise_numbers": ["PR-9"]}) == {}
    bare = replace(k1, points={each: changed(point, premises=frozenset()) for each, point in k1.points.items()})
    groups = {each: changed(group, premises=frozenset({"PR-G"})) for each, group in k1.aggregations.items()}
    by_group = related_to_aggregations(replace(bare, aggregations=groups), [K1], wanted | {"premise_numbers": ["PR-G"]})
    assert {NAMES[group]: names(points) for group, points in by_group.items()} == {"G1": ["P1", "P3"], "G2": ["P3"]}
    nowhere = {each: changed(group, premises=frozenset()) for each, group in k1.aggregations.items()}
    unnamed = related_to_aggregations(replace(bare, aggregations=nowhere), [K1], wanted | {"premise_numbers": []})
    assert {NAMES[group]: names(points) for group, points in unnamed.items()} == {"G1": ["P1", "P3"], "G2": ["P3"]}


def test_a_building_with_a_neighbour_in_it_is_not_the_customers_own():
    account, other = resource("account", "A1"), resource("account", "A2").model_copy(update={"customer_ids": [uid("other")]})
    contract = resource("service_contract", "C1", account_ids=[uid("A1")])
    foreign = resource("service_contract", "C3", account_ids=[uid("A2")]).model_copy(update={"customer_ids": [uid("other")]})
    own = resource("service_point", "P1", current_contract_ids=[uid("C1")], contracts=[{"id": uid("C1")}])
    theirs = resource("service_point", "P3", current_contract_ids=[uid("C3")], contracts=[{"id": uid("C3")}])
    group = AggregationPublishedV1(
        environment="sandbox", aggregation_id=uid("G1"), ref="G1", version=1, aggregation_number="B", name="", aggregation_types=[],
        member_count=2, service_point_ids=[uid("P1"), uid("P3")], consent_requirement="always",
    )  # fmt: skip
    at = datetime(2024, 1, 1, tzinfo=UTC)
    relations = Relations.of([account, other, contract, foreign, own, theirs], [group], at=at)
    assert selectable(relations, [K1], "aggregation_selection") == []
    alone = Relations.of([account, contract, own], [group.model_copy(update={"service_point_ids": [uid("P1")]})], at=at)
    assert names(selectable(alone, [K1], "aggregation_selection")) == ["G1"]
