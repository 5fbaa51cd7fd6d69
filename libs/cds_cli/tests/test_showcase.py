"""In the demo utility everything that the specification knows occurs at least once, and holds together."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any, get_args

import pytest

from cds_cli.demo_utility.generate import events
from cds_common.events import vocabulary as v
from cds_common.events.utility import (
    AccountRecordedV1,
    AggregationRecordedV1,
    BillRecordedV1,
    BillSection,
    ContractRecordedV1,
    EacRecordedV1,
    MeterRecordedV1,
    ReadingsRecordedV1,
    ServicePointRecordedV1,
    UtilityEvent,
)

CENT = Decimal("0.01")
Utility = list[UtilityEvent]


@pytest.fixture(scope="module")
def utility() -> Utility:
    return list(events(date(2026, 1, 10)))


def of_type(utility: Utility, kind: type[Any]) -> list[Any]:
    return [event for event in utility if isinstance(event, kind)]


def sections(utility: Utility) -> Iterator[BillSection]:
    for bill in of_type(utility, BillRecordedV1):
        yield from bill.sections


def words(utility: Utility) -> dict[str, set[str | None]]:
    """Every word that occurs, by enumeration."""
    accounts, contracts = of_type(utility, AccountRecordedV1), of_type(utility, ContractRecordedV1)
    points, meters = of_type(utility, ServicePointRecordedV1), of_type(utility, MeterRecordedV1)
    readings, groups, bills = (
        of_type(utility, ReadingsRecordedV1),
        of_type(utility, AggregationRecordedV1),
        of_type(utility, BillRecordedV1),
    )
    billed = list(sections(utility))
    return {
        "AccountType": {one for each in accounts for one in each.account_types},
        "AccountStatus": {each.account_status for each in accounts},
        "AccountContactType": {one for each in accounts for contact in each.account_contacts for one in contact.types},
        "AccountProgramType": {one for each in accounts for program in each.account_programs for one in program.types},
        "ServiceProgramType": {one for each in contracts for program in each.service_programs for one in program.types},
        "ContractType": {one for each in contracts for one in each.contract_types},
        "ContractStatus": {each.contract_status for each in contracts},
        "ServiceType": {one for each in contracts for one in each.service_types},
        "ServicePointType": {one for each in points for one in each.servicepoint_types},
        "PremiseType": {one for each in points for premise in each.premises for one in premise.types},
        "MeterType": {one for each in meters for one in each.meter_types},
        "MeterAppType": {one for each in meters for app in each.meter_apps for one in app.types},
        "NewChargeType": {one for each in bills for charge in each.new_charges for one in charge.types} | {"amount_due_sum_difference"},
        "BillSectionType": {one for each in billed for one in each.section_types},
        "BillSectionUsageDetailType": {one for each in billed for detail in each.usage_details for one in detail.types},
        "BillSectionCostDetailType": {one for each in billed for detail in each.cost_details for one in detail.types},
        "BillSectionLineItemType": {one for each in billed for item in each.line_items for one in item.types},
        "ValueType": {each.shape.value_type for each in readings},
        "Direction": {each.shape.direction for each in readings},
        "ReadingQuality": {each.quality for each in readings},
        "SupplyAttribution": {each.shape.attribution for each in readings},
        "SupplyType": {each.shape.supply_type for each in readings},
        "AggregationType": {one for each in groups for one in each.aggregation_types},
        "RegionType": {one for each in groups for region in each.regions for one in region.types},
        "BeneficiaryType": {each.beneficiary_type for each in of_type(utility, EacRecordedV1)},
    }


@pytest.mark.parametrize("enumeration", sorted(words([])))
def test_every_word_occurs(utility: Utility, enumeration: str) -> None:
    assert set(get_args(getattr(v, enumeration))) <= words(utility)[enumeration]


@pytest.mark.req("WG3D-037")
def test_parents_and_children_are_typed_so(utility: Utility) -> None:
    accounts = {each.account_ref: each for each in of_type(utility, AccountRecordedV1)}
    parents = {each.parent_account_ref for each in accounts.values()} - {None}
    assert parents
    for ref, each in accounts.items():
        assert ("parent" in each.account_types, "child" in each.account_types) == (ref in parents, each.parent_account_ref is not None)


@pytest.mark.req("WG3D-067")
def test_contracts_say_in_which_capacity_their_entity_acts(utility: Utility) -> None:
    contracts = of_type(utility, ContractRecordedV1)
    roles = {"distribution": "distributor", "supply": "supplier", "generation": "generator"}
    for each in contracts:
        assert all(role in each.contract_entity.types for kind, role in roles.items() if kind in each.service_types), each.contract_ref
    measured = {
        contract
        for point in of_type(utility, ServicePointRecordedV1)
        for contract in (*point.current_contract_refs, *point.previous_contract_refs)
        if any(
            place.servicepoint_ref == point.servicepoint_ref for meter in of_type(utility, MeterRecordedV1) for place in meter.placements
        )
    }
    for each in contracts:
        assert ("metered" in each.service_types, "unmetered" in each.service_types) == (
            each.contract_ref in measured,
            each.contract_ref not in measured,
        ), each.contract_ref
    kinds = {each.contract_ref: {"distribution", "supply"} & set(each.service_types) for each in contracts}
    assert {"distribution", "supply"} in kinds.values()
    assert [kinds["CT-670-101"], kinds["CT-670-102"]] == [{"distribution"}, {"supply"}]


@pytest.mark.req("WG3D-126")
def test_section_types_fit_entities_and_contracts(utility: Utility) -> None:
    seen = Counter[str]()
    for section in sections(utility):
        assert ("distribution" in section.section_types) == (section.distribution_entity is not None), section.section_ref
        assert ("supply" in section.section_types) == (section.supply_entity is not None), section.section_ref
        assert "other_section" not in section.section_types or not section.contract_refs
        seen.update(section.section_types)
    assert seen["other_section"]


@pytest.mark.req("WG3D-134", "WG3D-136")
def test_each_section_has_one_overall_total_over_all_its_lines(utility: Utility) -> None:
    count = 0
    for section in sections(utility):
        (total,) = [detail for detail in section.cost_details if "overall_total" in detail.types]
        assert total.cost == sum(item.cost for item in section.line_items)
        count += 1
    assert count > 30


@pytest.mark.req("WG3D-137", "WG3D-133")
def test_only_money_for_a_jurisdiction_is_a_tax_and_cost_details_are_totals(utility: Utility) -> None:
    taxes = {item.name for section in sections(utility) for item in section.line_items if "tax" in item.types}
    fees = {item.name for section in sections(utility) for item in section.line_items if "fee" in item.name.lower()}
    assert taxes == {"City utility tax", "Utility tax"}
    assert fees == {"Customer service fee"}
    for section in sections(utility):
        for detail in section.cost_details:
            if detail.types == ["taxes"]:
                assert detail.cost == sum(item.cost for item in section.line_items if "tax" in item.types)
            assert detail.name not in {item.name for item in section.line_items}


@pytest.mark.req("WG3D-141")
def test_cost_is_value_times_rate(utility: Utility) -> None:
    seen = 0
    for section in sections(utility):
        for item in section.line_items:
            if item.value is not None and item.rate is not None:
                assert item.cost == (item.value * item.rate).quantize(CENT, ROUND_HALF_UP), item.item_ref
                seen += 1
    assert seen > 30


@pytest.mark.req("WG3D-132")
def test_two_reads_give_the_value(utility: Utility) -> None:
    seen = 0
    for section in sections(utility):
        for detail in section.usage_details:
            if detail.start_read is not None:
                assert (detail.end_read - detail.start_read) * detail.multiplier == detail.value  # type: ignore[operator]
                seen += 1
    assert seen


@pytest.mark.req("WG3D-157", "WG3D-158", "WG3D-163")
def test_groups_have_places_one_openness_and_telling_blocks(utility: Utility) -> None:
    blocks = list[str]()
    for each in of_type(utility, AggregationRecordedV1):
        types = set(each.aggregation_types)
        assert len(types & {"public", "listed", "confidential"}) == 1
        assert each.regions or not types & {"region", "local"}
        assert each.grouped_addresses or "building" not in types
        blocks += [name for region in each.regions for name in region.city_blocks or ()]
    assert blocks
    for block in blocks:
        street, town, province, country = block.split(", ")
        assert street[0].isdigit()
        assert (town, province, country) == ("Port Alder", "Washington", "US")


@pytest.mark.req("WG3D-207")
def test_website_is_said_only_where_nothing_better_is_known(utility: Utility) -> None:
    readings = of_type(utility, ReadingsRecordedV1)
    told = {(each.servicepoint_ref, each.meter_ref) for each in readings if each.quality == "website"}
    assert told
    for each in readings:
        assert (each.servicepoint_ref, each.meter_ref) not in told or each.quality == "website"


@pytest.mark.req("WG3D-209")
def test_shares_of_the_supply_do_not_exceed_the_whole(utility: Utility) -> None:
    shares = dict[tuple[Any, str], Decimal]()
    apart = dict[Any, Decimal]()
    for each in of_type(utility, ReadingsRecordedV1):
        if each.shape.value_type == "electric_supply_mix":
            share = Decimal(each.values[0]).scaleb(-each.decimals)
            shares[each.start, f"{each.shape.attribution} {each.shape.supply_type}"] = share
            if each.shape.supply_type not in {"general", "carbonfree", "peaker", "storage", "distributed", "demand_management"}:
                apart[each.start, each.shape.attribution] = apart.get((each.start, each.shape.attribution), Decimal(0)) + share
    assert len(shares) > 20
    assert all(total <= 1 for total in apart.values())
    for start, name in shares:
        if name == "base carbonfree":
            held = sum(shares[start, f"base {one}"] for one in ("hydro", "nuclear", "biomass", "geothermal"))
            assert shares[start, name] >= held - shares[start, "base biomass"]
            assert shares[start, "base peaker"] <= shares[start, "base natural_gas"]


@pytest.mark.req("WG3D-026")
def test_fields_of_the_utility_have_its_prefix(utility: Utility) -> None:
    def own(thing: Any) -> Iterator[str]:
        if isinstance(thing, dict):
            for name, value in thing.items():
                if name == "additional_fields":
                    yield from value
                else:
                    yield from own(value)
        elif isinstance(thing, list):
            for value in thing:
                yield from own(value)

    names = {name for event in utility if not isinstance(event, ReadingsRecordedV1) for name in own(event.model_dump())}
    assert len(names) >= 6
    assert all(name.startswith("hlp_") for name in names)


def test_months_of_the_plant_follow_each_other(utility: Utility) -> None:
    starts = [
        each.start for each in of_type(utility, ReadingsRecordedV1) if each.shape.tou == "peak" and each.servicepoint_ref == "SP-670-101"
    ]
    assert len(starts) == 5
    assert all(earlier < later for earlier, later in pairwise(starts))
