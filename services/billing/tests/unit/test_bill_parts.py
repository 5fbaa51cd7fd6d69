"""The parts of a section: every type with what it asks for, names, totals, fields of the utility's own."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from cds_billing.domain.bill import statement_of
from cds_common import exact_json
from cds_common.events import vocabulary as v
from cds_common.testing.schemas import FOLDER, assert_valid
from services.billing.tests.builders import a_bill, a_section

PERIOD = {"start_date": date(2026, 1, 1), "end_date": date(2026, 1, 31)}
KWH = {"value": Decimal("310.500"), "units": "kWh"}
READS = {"start_read": Decimal("12004.5"), "end_read": Decimal("12315.0"), "multiplier": Decimal("1.000")}


def words_of(schema: str, name: str) -> set[str]:
    found: dict[str, Any] = json.loads(Path(FOLDER, schema).read_text())
    return set(found["$defs"][name]["enum"])


@pytest.mark.parametrize(
    ("schema", "name", "words"),
    [
        pytest.param("new-charge.json", "newChargeType", v.NewChargeType, marks=pytest.mark.req("WG3D-114")),
        pytest.param("bill-section.json", "billSectionType", v.BillSectionType, marks=pytest.mark.req("WG3D-124")),
        pytest.param(
            "bill-section-usage-detail.json", "billSectionUsageDetailType", v.BillSectionUsageDetailType, marks=pytest.mark.req("WG3D-129")
        ),
        pytest.param(
            "bill-section-cost-detail.json", "billSectionCostDetailType", v.BillSectionCostDetailType, marks=pytest.mark.req("WG3D-135")
        ),
        pytest.param(
            "bill-section-line-item.json", "billSectionLineItemType", v.BillSectionLineItemType, marks=pytest.mark.req("WG3D-142")
        ),
    ],
)
def test_the_words_that_the_source_may_use_are_those_of_the_specification(schema: str, name: str, words: Any) -> None:
    assert words_of(schema, name) == set(get_args(words))


def shown(part: str, schema: str, *listed: dict[str, Any]) -> list[dict[str, Any]]:
    """The members `part` of a section that holds only these, each valid."""
    empty: dict[str, Any] = {"usage_details": [], "cost_details": [], "line_items": []}
    body = statement_of(a_bill(a_section(**empty | {part: list(listed)}))).sections[0].body
    return [assert_valid(schema, exact_json.encode(one)) for one in body[part]]


def a_detail(*types: str, ref: str = "u", **members: Any) -> dict[str, Any]:
    return {"detail_ref": ref, "name": "Used", "types": list(types)} | members


ASKED: dict[str, dict[str, Any]] = {
    "electric_usage": KWH | PERIOD,
    "water_usage": {"value": Decimal("14.2"), "units": "m3"} | PERIOD,
    "natural_gas_usage": {"value": Decimal("42.00"), "units": "therm"} | PERIOD,
    "fuel_oil_usage": {"value": Decimal("101.5"), "units": "gal"} | PERIOD,
    "electric_demand": {"value": Decimal("7.20"), "units": "kW", "demand_type": "peak"} | PERIOD,
    "time_of_use": KWH | {"tou": "super_off_peak"},
    "tiered": KWH | {"tier": "tier_9"},
    "directional": KWH | {"direction": "reverse"},
    "seasonal": KWH | {"season": "fall"},
    "ami_reading": KWH,
    "amr_reading": KWH | READS,
    "analog_meter": KWH | READS,
    "customer_provided": KWH | READS,
    "estimated": KWH,
}


class TestUsageDetails:
    @pytest.mark.req("WG3D-127", "WG3D-129", "WG3D-130", "WG3D-131", "WG3D-132")
    @pytest.mark.parametrize("kind", get_args(v.BillSectionUsageDetailType))
    def test_each_type_is_shown_with_what_it_asks_for(self, kind: str) -> None:
        (detail,) = shown("usage_details", "bill-section-usage-detail.json", a_detail(kind, **ASKED[kind]))

        assert detail["types"] == [kind]
        for name, said in ASKED[kind].items():
            assert str(detail[name]) == str(said)

    @pytest.mark.req("WG3D-127", "WG3D-130", "WG3D-131", "WG3D-132")
    @pytest.mark.parametrize(("kind", "missing"), [(kind, name) for kind, said in ASKED.items() for name in said if name != "value"])
    def test_a_type_without_what_it_asks_for_is_refused(self, kind: str, missing: str) -> None:
        with pytest.raises(ValidationError, match=missing):
            a_bill(a_section(usage_details=[a_detail(kind, **{name: said for name, said in ASKED[kind].items() if name != missing})]))

    @pytest.mark.req("WG3D-127", "WG3D-130")
    def test_a_text_stands_without_units_but_never_for_what_was_measured(self) -> None:
        (detail,) = shown("usage_details", "bill-section-usage-detail.json", a_detail("estimated", value="not read"))
        assert (detail["value"], "units" in detail) == ("not read", False)
        with pytest.raises(ValidationError, match="number"):
            a_bill(a_section(usage_details=[a_detail("electric_usage", value="not read", **PERIOD)]))

    @pytest.mark.req("WG3D-128")
    @pytest.mark.parametrize(
        ("types", "members", "name"),
        [
            (["electric_usage", "time_of_use", "ami_reading"], KWH | PERIOD | {"tou": "off_peak"}, "Electricity used (off peak)"),
            (["water_usage", "analog_meter"], ASKED["water_usage"] | READS, "Water used (read by hand)"),
            (["electric_demand"], ASKED["electric_demand"], "Electric demand (peak)"),
            (["estimated"], {"value": "n/a"}, "Measured value (estimated)"),
        ],
    )
    def test_a_detail_without_a_name_gets_one_that_describes_it(self, types: list[str], members: dict[str, Any], name: str) -> None:
        for nothing in (None, ""):
            (detail,) = shown("usage_details", "bill-section-usage-detail.json", a_detail(*types, **members, name=nothing))
            assert detail["name"] == name


def a_cost(*types: str, cost: object = Decimal("61.10"), ref: str = "c", **members: Any) -> dict[str, Any]:
    return {"detail_ref": ref, "name": "Total", "types": list(types), "cost": cost} | members


class TestCostDetails:
    @pytest.mark.req("WG3D-133", "WG3D-135")
    @pytest.mark.parametrize("kind", get_args(v.BillSectionCostDetailType))
    def test_each_type_is_shown(self, kind: str) -> None:
        (detail,) = shown("cost_details", "bill-section-cost-detail.json", a_cost(kind))
        assert set(detail) == {"id", "name", "types", "cost"}
        assert (detail["types"], str(detail["cost"])) == ([kind], "61.10")

    @pytest.mark.req("WG3D-128")
    def test_a_total_without_a_name_gets_one_that_describes_it(self) -> None:
        totals = [a_cost("overall_total", name=None, ref="1"), a_cost("subtotal", "fixed_charges", "distribution", name=None, ref="2")]
        shown_totals = shown("cost_details", "bill-section-cost-detail.json", *totals, a_cost("subtotal", name=None, ref="3"))
        assert [one["name"] for one in shown_totals] == ["Total of this section", "Total of fixed charges, distribution", "Subtotal"]

    @pytest.mark.req("WG3D-134")
    def test_a_section_has_no_second_overall_total_and_none_that_is_no_amount(self) -> None:
        for details in ([a_cost("overall_total", ref="1"), a_cost("overall_total", ref="2")], [a_cost("overall_total", cost="see bill")]):
            with pytest.raises(ValidationError, match="overall total"):
                a_bill(a_section(cost_details=details))


def an_item(ref: str = "l", **members: Any) -> dict[str, Any]:
    return {"item_ref": ref, "name": "Basic charge", "types": ["fixed_charge"], "cost": Decimal("11.50")} | PERIOD | members


class TestLineItems:
    @pytest.mark.req("WG3D-138", "WG3D-142")
    @pytest.mark.parametrize("kind", get_args(v.BillSectionLineItemType))
    def test_each_type_is_shown_with_all_members(self, kind: str) -> None:
        (item,) = shown("line_items", "bill-section-line-item.json", an_item(types=[kind], cost=Decimal("-3.10")))
        assert set(item) == {
            "id", "name", "types", "start_date", "end_date", "cost", "value", "rate", "related_usage_details", "related_cost_details",
        }  # fmt: skip
        assert (item["types"], str(item["cost"]), item["value"], item["rate"]) == ([kind], "-3.10", None, None)

    @pytest.mark.req("WG3D-138")
    def test_a_value_comes_with_its_units(self) -> None:
        (item,) = shown("line_items", "bill-section-line-item.json", an_item(value=Decimal("310.500"), units="kWh", rate=Decimal("0.1968")))
        assert (str(item["value"]), item["units"], str(item["rate"])) == ("310.500", "kWh", "0.1968")
        with pytest.raises(ValidationError, match="units"):
            a_bill(a_section(line_items=[an_item(value=Decimal(3))]))

    @pytest.mark.req("WG3D-139")
    def test_a_name_that_tells_is_kept_and_others_are_told_apart(self) -> None:
        def names(*items: dict[str, Any]) -> list[str]:
            return [item["name"] for item in shown("line_items", "bill-section-line-item.json", *items)]

        alone = names(an_item(heading="Delivery"), an_item("2", name="Energy", heading="Delivery"))
        by_heading = names(an_item(name="Usage", heading="Delivery"), an_item("2", name="Usage", heading="Supply"))
        february = {"start_date": date(2026, 2, 1), "end_date": date(2026, 2, 9)}
        by_period = names(an_item(name="Usage"), an_item("2", name="Usage", **february), an_item("3", name="Tax"))
        by_number = names(an_item(name="Lamp"), an_item("2", name="Lamp"))

        assert alone == ["Basic charge", "Energy"]
        assert by_heading == ["Delivery - Usage", "Supply - Usage"]
        assert by_period == ["Usage, 2026-01-01 to 2026-01-31", "Usage, 2026-02-01 to 2026-02-09", "Tax"]
        assert by_number == ["Lamp, 2026-01-01 to 2026-01-31 (1)", "Lamp, 2026-01-01 to 2026-01-31 (2)"]

    def test_a_charge_must_have_a_name(self) -> None:
        with pytest.raises(ValidationError, match="name"):
            a_bill(a_section(line_items=[an_item(name="")]))


class TestNewCharges:
    @pytest.mark.req("WG3D-114")
    @pytest.mark.parametrize("kind", get_args(v.NewChargeType))
    def test_each_type_is_shown(self, kind: str) -> None:
        charge = {"charge_ref": "n", "name": "Line", "types": [kind], "amount": Decimal("61.10"), "included_in_amount_due": True}
        (listed,) = statement_of(a_bill(new_charges=[charge])).body["new_charges"]
        assert assert_valid("new-charge.json", exact_json.encode(listed))["types"] == [kind]

    @pytest.mark.req("WG3D-111")
    def test_the_reason_of_a_gap_is_its_name_where_the_utility_knows_it(self) -> None:
        known = a_bill(amount_due=Decimal("60.00"), amount_due_difference_reason="Pilot program credit")
        for bill, name in ((known, "Pilot program credit"), (a_bill(amount_due=Decimal("60.00")), "Difference between the charges listed")):
            gap = statement_of(bill).body["new_charges"][-1]
            assert gap["types"] == ["amount_due_sum_difference"]
            assert gap["name"].startswith(name)


@pytest.mark.req("WG3D-026")
class TestAdditionalFields:
    OWN = {"hlp_tariff": "T-9", "hlp_panel_models": ["A", "B"], "hlp_protected": True, "hlp_weight": {"number": "12.50"}}  # noqa: RUF012

    def test_fields_of_the_utility_stand_beside_the_defined_ones(self) -> None:
        own = {"hlp_tariff": "T-9", "hlp_panel_models": ["A", "B"], "hlp_protected": True, "hlp_weight": Decimal("12.50")}
        parts = (
            ("usage_details", "bill-section-usage-detail.json", a_detail("ami_reading", **KWH, additional_fields=self.OWN)),
            ("cost_details", "bill-section-cost-detail.json", a_cost("other", additional_fields=self.OWN)),
            ("line_items", "bill-section-line-item.json", an_item(additional_fields=self.OWN)),
        )
        for part, schema, one in parts:
            (found,) = shown(part, schema, one)
            assert {name: found[name] for name in own} == own
            assert str(found["hlp_weight"]) == "12.50"
            assert "additional_fields" not in found

    @pytest.mark.parametrize("name", ["start_read", "related_usage_details", "cds_modified", "tariff", "Hlp_x", "_x"])
    def test_a_defined_field_or_one_without_prefix_is_refused(self, name: str) -> None:
        for members in (
            {"usage_details": [a_detail("ami_reading", **KWH, additional_fields={name: "x"})]},
            {"line_items": [an_item(additional_fields={name: "x"})]},
        ):
            if (name == "start_read") == ("line_items" in members) and name in {"start_read", "related_usage_details"}:
                continue  # defined in the other object
            with pytest.raises(ValidationError):
                a_bill(a_section(**members))
