"""Bills of Harbor Works Trust: one statement for the parent account with a section per sub-account (CDS-WG3-01 §10.5, §10.6)."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cds_cli.demo_utility.calendar import midnight, next_month
from cds_cli.demo_utility.showcase import ACCOUNT_PROGRAMS, COMMUNITY_POWER, PARENT, PLANT, SERVICE_PROGRAMS, YARD
from cds_cli.demo_utility.showcase_usage import season_of, usage_of
from cds_cli.demo_utility.stable import fact_id
from cds_cli.demo_utility.utility import ENTITY
from cds_common.events.utility import BillRecordedV1, BillSection, CostDetail, LineItem, NewCharge, UsageDetail

FIRST = date(2025, 11, 1)
Json = dict[str, Any]


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


class _Month:
    """One billing month: its dates and what is common to the parts of its sections."""

    def __init__(self, issued: date) -> None:
        self.issued, self.end = issued, issued - timedelta(days=1)
        self.start = self.end.replace(day=1)
        self.period: Json = {"start_date": self.start, "end_date": self.end}

    def section(self, ref: str, account: str, types: list[Any], lines: list[LineItem], **members: Any) -> BillSection:
        """A section whose total is the sum of its lines; further cost details are those of the types."""
        ref = f"BS-{ref}-{self.start:%Y%m}"
        sums: list[tuple[str, list[Any], list[Any]]] = [
            ("Delivery charges", ["subtotal", "distribution"], ["distribution"]),
            ("Supply charges", ["subtotal", "supply"], ["supply"]),
            ("Transmission charges", ["subtotal", "transmission"], ["transmission"]),
            ("Basic charges", ["fixed_charges"], ["fixed_charge"]),
            ("Usage charges", ["usage_charges"], ["usage_charge"]),
            ("Taxes", ["taxes"], ["tax"]),
            ("Other charges", ["other"], ["other"]),
        ]
        total = sum((line.cost for line in lines), Decimal("0.00"))
        details = [CostDetail(detail_ref=f"{ref}-T", name="Total of this section", types=["overall_total"], cost=total)]
        for number, (name, kinds, held) in enumerate(sums):
            parts = [line.cost for line in lines if set(held) & set(line.types)]
            if parts:
                details.append(CostDetail(detail_ref=f"{ref}-{number}", name=name, types=kinds, cost=sum(parts, Decimal("0.00"))))
        totals = {"cost_detail_refs": [f"{ref}-T"]}
        return BillSection(
            section_ref=ref,
            account_ref=f"AC-{account}",
            account_number=account,
            section_types=types,
            currency="USD",
            cost_details=details,
            line_items=[line.model_copy(update=totals | {"item_ref": f"{ref}-{line.item_ref}"}) for line in lines],
            **self.period | members,
        )

    def line(
        self, ref: str, name: str, *types: Any, cost: str = "0", value: Decimal | None = None, rate: str | None = None, **members: Any
    ) -> LineItem:
        """A line; its cost is value * rate where both are given."""
        amount = _cents(value * Decimal(rate)) if value is not None and rate is not None else Decimal(cost)
        known: Json = {"units": "kWh"} if value is not None else {}
        return LineItem(
            item_ref=ref,
            name=name,
            types=list(types),
            cost=amount,
            value=value,
            rate=None if rate is None else Decimal(rate),
            **self.period | known | members,
        )

    def detail(self, ref: str, name: str | None, *types: Any, value: Decimal, units: Any = "kWh", **members: Any) -> UsageDetail:
        """A measured value."""
        ref = f"BS-{ref}-{self.start:%Y%m}"
        return UsageDetail(detail_ref=ref, name=name, types=list(types), value=value, units=units, **self.period | members)


def _plant(month: _Month) -> BillSection:
    used = {name: Decimal(amount).scaleb(-2) for name, amount in usage_of(month.start).items()}
    demand = Decimal(2_140 + month.start.month).scaleb(-1)
    details = [
        month.detail("P-U", "Total kWh", "electric_usage", "ami_reading", value=used["peak"] + used["off_peak"]),
        month.detail("P-P", None, "electric_usage", "time_of_use", "ami_reading", value=used["peak"], tou="peak"),
        month.detail("P-O", None, "electric_usage", "time_of_use", "ami_reading", value=used["off_peak"], tou="off_peak"),
        month.detail(
            "P-D", "Peak demand", "electric_demand", "directional", value=demand, units="kW", demand_type="peak", direction="forward"
        ),
    ]
    lines = [
        month.line("1", "Usage", "usage_charge", "distribution", value=used["peak"] + used["off_peak"], rate="0.0412", heading="Delivery"),
        month.line("2", "Usage", "usage_charge", "supply", value=used["peak"], rate="0.1189", heading="Supply, peak"),
        month.line("3", "Usage", "usage_charge", "supply", value=used["off_peak"], rate="0.0731", heading="Supply, off-peak"),
        month.line("4", "Demand charge", "usage_charge", "distribution", value=demand, rate="9.4500", units="kW"),
        month.line("5", "Regional transmission", "transmission", cost="48.10"),
        month.line("6", "Basic charge", "fixed_charge", "distribution", cost="85.00"),
        month.line("7", "Customer service fee", "fixed_charge", cost="4.25"),
        month.line("8", "City utility tax", "tax", cost="61.70"),
        month.line("9", "Peak Savers credit", "other", cost="-12.50", additional_fields={"hlp_dr_participant": "PS-7711"}),
    ]
    return month.section(
        "P",
        PLANT,
        ["sub_account", "electric", "distribution", "supply"],
        lines,
        usage_details=details,
        distribution_entity=ENTITY,
        supply_entity=COMMUNITY_POWER,
        contract_refs=["CT-670-101", "CT-670-102"],
        servicepoint_refs=["SP-670-101"],
        meter_refs=["MT-M-0670101"],
        service_programs=list(SERVICE_PROGRAMS[:2]),
    )


def _yard(month: _Month) -> Iterator[BillSection]:
    used = {name: Decimal(amount) for name, amount in usage_of(month.start).items()}
    first, second, oil = used["tier_1"].scaleb(-2), used["tier_2"].scaleb(-2), used["oil"].scaleb(-1)
    reads = {"start_read": Decimal("1204.5"), "end_read": Decimal("1204.5") + oil, "multiplier": Decimal("1.0")}
    own: Json = {"distribution_entity": ENTITY, "supply_entity": ENTITY}
    season = {"season": season_of(month.start)}
    amr = {"start_read": Decimal("88120.00"), "end_read": Decimal("88120.00") + first + second, "multiplier": Decimal("1.00")}
    details = [
        month.detail("Y-U", "Total kWh", "electric_usage", "amr_reading", value=first + second, **amr),
        month.detail("Y-1", None, "electric_usage", "tiered", "seasonal", value=first, tier="tier_1", **season),
        month.detail("Y-2", None, "electric_usage", "tiered", "seasonal", value=second, tier="tier_2", **season),
    ]
    lines = [
        month.line("1", "Tier 1", "usage_charge", value=first, rate="0.1010"),
        month.line("2", "Tier 2", "usage_charge", value=second, rate="0.1415"),
        month.line("3", "Utility tax", "tax", cost="9.10"),
    ]
    yield month.section(
        "Y",
        YARD,
        ["service_contract", "electric", "distribution", "supply"],
        lines,
        usage_details=details,
        contract_refs=["CT-670-201"],
        servicepoint_refs=["SP-670-201"],
        meter_refs=["MT-M-0670201"],
        **own,
    )
    kind = "estimated" if month.start.month == 12 else "analog_meter"
    gallons = [month.detail("F-U", "Oil delivered", "fuel_oil_usage", kind, "customer_provided", value=oil, units="gal", **reads)]
    yield month.section(
        "F",
        YARD,
        ["service_contract", "fuel_oil", "distribution", "supply"],
        [month.line("1", "Heating oil", "usage_charge", "supply", value=oil, rate="3.180", units="gal")],
        usage_details=gallons,
        contract_refs=["CT-670-202"],
        servicepoint_refs=["SP-670-202"],
        meter_refs=["MT-M-0670202"],
        **own,
    )
    lamps = UsageDetail(detail_ref=f"BS-L-{month.start:%Y%m}", types=["estimated"], value="per lamp")
    yield month.section(
        "L",
        YARD,
        ["service_contract", "electric", "supply"],
        [month.line("1", "Yard lights", "fixed_charge", "supply", cost="31.00")],
        usage_details=[lamps],
        contract_refs=["CT-670-203"],
        supply_entity=ENTITY,
    )


def _transformer(month: _Month) -> BillSection:
    return month.section("X", PARENT, ["other_section"], [month.line("1", "Transformer upgrade, instalment", "other", cost="220.00")])


def statements(until: date) -> Iterator[BillRecordedV1]:
    """A statement on the first of each month for the month before."""
    issued = FIRST
    while issued < until:
        yield _statement(_Month(issued))
        issued = next_month(issued)


def _statement(month: _Month) -> BillRecordedV1:
    plant, (yard, oil, lamps), other = _plant(month), tuple(_yard(month)), _transformer(month)

    def charge(ref: str, name: str, kind: Any, amount: Decimal | str, *sections: BillSection, counted: bool = True) -> NewCharge:
        return NewCharge(
            charge_ref=f"ST-{PARENT}-{month.issued:%Y%m}-{ref}",
            name=name,
            types=[kind],
            amount=Decimal(amount),
            included_in_amount_due=counted,
            section_refs=[section.section_ref for section in sections],
        )

    electric = (plant, yard, lamps)
    charges = [
        charge("1", "Electric services", "electric_total", sum((_total(one) for one in electric), Decimal(0)), *electric),
        charge("2", "Heating oil", "fuel_oil_total", _total(oil), oil),
        charge("3", "Transformer upgrade", "adhoc", _total(other), other),
        charge("4", "Waste water", "waste_water_total", "44.00"),
        charge("5", "Solid waste", "solid_waste_total", "38.50"),
        charge("6", "Statement fee", "fixed_fee", "1.50"),
        charge("7", "Account tax", "tax", "2.10"),
        charge("8", "Interest on the payment plan", "interest", "3.95"),
        charge("9", "Deposit refund", "deposit", "-50.00"),
        charge("10", "Net balance", "credit_bank", "-41.20"),
        charge("11", "Critical Need discount", "program", "-10.00"),
        charge("12", "Carried over to the payment plan", "differed", "-300.00"),
        charge("13", "Budget amount, for information", "flat_rate", "900.00", counted=False),
    ]
    counted = sum((one.amount for one in charges if one.included_in_amount_due), Decimal(0))
    due = counted - Decimal("5.00")
    at = midnight(month.issued) + timedelta(hours=7)
    return BillRecordedV1(
        event_id=fact_id("sandbox", "bill", PARENT, month.issued),
        occurred_at=at,
        source_time=at,
        environment="sandbox",
        statement_ref=f"ST-{PARENT}-{month.issued:%Y%m%d}",
        account_ref=f"AC-{PARENT}",
        account_number=PARENT,
        statement_date=month.issued,
        currency="USD",
        previous_balance_amount=Decimal("0.00"),
        previous_balance_paid=Decimal("0.00"),
        previous_balance_unpaid=Decimal("0.00"),
        new_charges_amount=counted,
        new_charges=charges,
        new_balance_amount=due,
        amount_due=due,
        amount_due_date=month.issued + timedelta(days=21),
        amount_due_difference_reason="Courtesy credit for a late visit",
        shutoff_prevention_minimum_due=Decimal("150.00"),
        shutoff_prevention_date=month.issued + timedelta(days=40),
        account_programs=[ACCOUNT_PROGRAMS[2], ACCOUNT_PROGRAMS[3]],
        sections=[plant, yard, oil, lamps, other],
    )


def _total(section: BillSection) -> Decimal:
    return sum((line.cost for line in section.line_items), Decimal(0))
