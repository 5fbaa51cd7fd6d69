"""Monthly bills of the demo utility, built from the same readings: amounts add up to the cent and the kWh to the Wh."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from cds_cli.demo_utility.calendar import days, midnight, next_month, quarters
from cds_cli.demo_utility.cast import Household, Service
from cds_cli.demo_utility.load_shapes import month_quantity, quarter_watt_hours
from cds_cli.demo_utility.readings import OUTAGE, meter_on
from cds_cli.demo_utility.stable import fact_id
from cds_cli.demo_utility.utility import ENTITY
from cds_common.events.utility import BillFile, BillRecordedV1, BillSection, CostDetail, LineItem, NewCharge, UsageDetail
from cds_common.events.vocabulary import BillSectionType, BillSectionUsageDetailType, NewChargeType, Unit

FIRST_BILL = date(2025, 10, 1)
CENT = Decimal("0.01")
TAX = Decimal("0.036")
LATE = {"C-BAKERY": date(2026, 4, 1)}
"""A bill that was issued five weeks late."""
SCHOOL_BILLS = (date(2025, 9, 1), date(2025, 10, 1))


@dataclass(frozen=True, slots=True)
class Tariff:
    """Price per unit, fixed charge a month, and how the bill calls it."""

    units: Unit
    rate: Decimal
    fixed: Decimal
    section_type: BillSectionType
    usage_type: BillSectionUsageDetailType
    charge_type: NewChargeType
    label: str


TARIFFS = {
    "electric": Tariff(
        "kWh", Decimal("0.1843"), Decimal("11.50"), "electric", "electric_usage", "electric_total", "Electricity",
    ),
    "natural_gas": Tariff(
        "therm", Decimal("1.272"), Decimal("9.00"), "natural_gas", "natural_gas_usage", "natural_gas_total", "Natural gas",
    ),
    "water": Tariff("m3", Decimal("2.150"), Decimal("14.25"), "water", "water_usage", "water_total", "Water"),
}  # fmt: skip


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def billed_quantity(service: Service, start: date, end: date) -> Decimal:
    """The quantity on the bill: exactly the sum of the readings of the period."""
    if service.commodity == "natural_gas":
        return Decimal(month_quantity(service, start)).scaleb(-2)
    if service.commodity == "water":
        return Decimal(month_quantity(service, start)).scaleb(-1)
    outage = OUTAGE.get(service.contract_number)
    total = sum(
        sum(quarter_watt_hours(service, day, quarters(day)))
        for day in days(start, end)
        if outage is None or not outage[0] <= day < outage[1]
    )
    return Decimal(total).scaleb(-3)


def _section(household: Household, service: Service, start: date, end: date) -> tuple[BillSection, Decimal]:
    tariff = TARIFFS[service.commodity]
    quantity = billed_quantity(service, start, end)
    energy, fixed = _cents(quantity * tariff.rate), tariff.fixed
    tax = _cents((energy + fixed) * TAX)
    total = energy + fixed + tax
    ref, last_day = f"BS-{service.contract_number}-{start:%Y%m}", end - timedelta(days=1)
    meter = meter_on(service, last_day)
    section = BillSection(
        section_ref=ref,
        account_ref=f"AC-{household.account_number}",
        account_number=household.account_number,
        section_types=["service_contract", tariff.section_type, "distribution", "supply"],
        start_date=start,
        end_date=last_day,
        currency="USD",
        distribution_entity=ENTITY,
        supply_entity=ENTITY,
        contract_refs=[f"CT-{service.contract_number}"],
        servicepoint_refs=[service.point_ref],
        meter_refs=[meter] if meter else [],
        usage_details=[
            UsageDetail(
                detail_ref=f"{ref}-U", name=f"{tariff.label} used", types=[tariff.usage_type, "ami_reading"], value=quantity,
                units=tariff.units, start_date=start, end_date=last_day,
            )
        ],
        cost_details=[CostDetail(detail_ref=f"{ref}-C", name="Total of this service", types=["overall_total"], cost=total)],
        line_items=[
            LineItem(
                item_ref=f"{ref}-1", name=f"{tariff.label} charge", types=["usage_charge"], start_date=start, end_date=last_day,
                cost=energy, value=quantity, units=tariff.units, rate=tariff.rate, usage_detail_refs=[f"{ref}-U"],
                cost_detail_refs=[f"{ref}-C"],
            ),
            LineItem(item_ref=f"{ref}-2", name="Basic charge", types=["fixed_charge"], start_date=start, end_date=last_day, cost=fixed,
                     cost_detail_refs=[f"{ref}-C"]),
            LineItem(item_ref=f"{ref}-3", name="City utility tax", types=["tax"], start_date=start, end_date=last_day, cost=tax,
                     cost_detail_refs=[f"{ref}-C"]),
        ],
    )  # fmt: skip
    return section, total


def _pdf(household: Household, statement_date: date, lines: list[tuple[str, str]]) -> BillFile:
    from fpdf import FPDF  # noqa: PLC0415  # brings fontTools along: every `cds` command would wait for it

    pdf = FPDF(format="letter")
    pdf.set_creation_date(midnight(statement_date))
    pdf.add_page()
    pdf.set_font("helvetica", style="B", size=18)
    pdf.cell(0, 12, "Harbor Light & Power", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("helvetica", size=11)
    head = f"{household.name}\n{household.address}\n\nAccount {household.account_number}\nBill of {statement_date:%B %d, %Y}\n\n"
    pdf.multi_cell(0, 6, head, new_x="LMARGIN", new_y="NEXT")
    for label, amount in lines:
        pdf.cell(120, 7, label)
        pdf.cell(0, 7, amount, align="R", new_x="LMARGIN", new_y="NEXT")
    return BillFile(mimetype="application/pdf", content=b64encode(bytes(pdf.output())).decode())


def statement_dates(household: Household, until: date) -> Iterator[date]:
    """When bills were issued: on the first of a month for the month before."""
    if household.ref == "C-SCHOOLS":
        yield from (day for day in SCHOOL_BILLS if day < until)
        return
    issued = FIRST_BILL
    while issued < until:
        yield issued
        issued = next_month(issued)


def bills_of(household: Household, until: date) -> Iterator[BillRecordedV1]:
    """The household's bills, oldest first; each earlier one is paid in full by the next."""
    previous = Decimal("0.00")
    for issued in statement_dates(household, until):
        start = (issued - timedelta(days=1)).replace(day=1)
        sections: list[BillSection] = []
        charges: list[NewCharge] = []
        for service in household.services:
            if service.start > start or (service.end and service.end < issued):
                continue
            section, total = _section(household, service, start, issued)
            tariff = TARIFFS[service.commodity]
            sections.append(section)
            charges.append(
                NewCharge(
                    charge_ref=f"{section.section_ref}-N",
                    name=f"{tariff.label} {service.contract_number}",
                    types=[tariff.charge_type],
                    amount=total,
                    included_in_amount_due=True,
                    section_refs=[section.section_ref],
                )
            )
        if not sections:
            continue
        due = sum((charge.amount for charge in charges), Decimal("0.00"))
        late = timedelta(days=36) if LATE.get(household.ref) == issued else timedelta(0)
        recorded = midnight(issued) + timedelta(hours=6) + late
        yield BillRecordedV1(
            event_id=fact_id(household.environment, "bill", household.account_number, issued),
            occurred_at=recorded,
            source_time=recorded,
            environment=household.environment,
            statement_ref=f"ST-{household.account_number}-{issued:%Y%m%d}",
            account_ref=f"AC-{household.account_number}",
            account_number=household.account_number,
            statement_date=issued,
            currency="USD",
            file=_pdf(household, issued, [*((c.name, f"${c.amount}") for c in charges), ("Amount due", f"${due}")]),
            previous_balance_amount=previous,
            previous_balance_paid=previous,
            previous_balance_unpaid=Decimal("0.00"),
            new_charges_amount=due,
            new_charges=charges,
            new_balance_amount=due,
            amount_due=due,
            amount_due_date=issued + timedelta(days=21),
            sections=sections,
        )
        previous = due
