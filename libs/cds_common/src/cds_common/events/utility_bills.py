"""`utility.bills`: a Bill Statement with its sections as it was issued (CDS-WG3-01 §10.5, §10.6)."""

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from cds_common.events import vocabulary as v
from cds_common.events.envelope import Contract, Ref, ShortText
from cds_common.events.utility_parts import Amount, AmountOrText, Currency, Entity, Extensible, Program, UtilityEvent

Named = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class NewCharge(Contract):
    """CDS-WG3-01 §10.5.2."""

    charge_ref: Ref
    name: Named
    types: list[v.NewChargeType] = Field(min_length=1, max_length=16)
    amount: Amount
    included_in_amount_due: bool
    section_refs: list[Ref] = Field(default_factory=list, max_length=200)


_MEASURED = frozenset({"electric_usage", "water_usage", "natural_gas_usage", "fuel_oil_usage", "electric_demand"})
_READ_TWICE = frozenset({"amr_reading", "analog_meter", "customer_provided"})
_ASKED_FOR = {
    **dict.fromkeys(_MEASURED, ("start_date", "end_date")),
    **dict.fromkeys(_READ_TWICE, ("start_read", "end_read", "multiplier")),
    "time_of_use": ("tou",),
    "tiered": ("tier",),
    "directional": ("direction",),
    "seasonal": ("season",),
}


class UsageDetail(Extensible):
    """CDS-WG3-01 §10.6.3; `value` is a number, or a text where the bill prints one.

    `name` None = the bill prints none, and the server makes one.
    """

    detail_ref: Ref
    name: ShortText | None = None
    types: list[v.BillSectionUsageDetailType] = Field(min_length=1, max_length=14)
    value: AmountOrText
    units: v.Unit | None = None
    start_date: date | None = None
    end_date: date | None = None
    demand_type: v.DemandType | None = None
    tou: v.TimeOfUse | None = None
    tier: v.Tier | None = None
    direction: v.Direction | None = None
    season: v.Season | None = None
    start_read: Amount | None = None
    end_read: Amount | None = None
    multiplier: Amount | None = None

    @model_validator(mode="after")
    def _complete_for_its_types(self) -> Self:
        """§10.6.3, §10.6.4: what the value and each type ask for."""
        asked = [name for one in self.types for name in _ASKED_FOR.get(one, ())]
        asked += ["demand_type"] if "electric_demand" in self.types else []
        asked += ["units"] if isinstance(self.value, Decimal) else []
        missing = [name for name in asked if getattr(self, name) is None]
        if missing:
            raise ValueError(f"a usage detail of these types needs {', '.join(dict.fromkeys(missing))}")
        if _MEASURED & set(self.types) and not isinstance(self.value, Decimal):
            raise ValueError("a measured value is a number")
        return self


class CostDetail(Extensible):
    """CDS-WG3-01 §10.6.5; `name` None = the bill prints none, and the server makes one."""

    detail_ref: Ref
    name: ShortText | None = None
    types: list[v.BillSectionCostDetailType] = Field(min_length=1, max_length=9)
    cost: AmountOrText


class LineItem(Extensible):
    """CDS-WG3-01 §10.6.7; `heading` is that of its table on the bill, for names that alone do not say which charge it is."""

    wire_only: ClassVar[frozenset[str]] = frozenset({"related_usage_details", "related_cost_details"})
    item_ref: Ref
    name: Named
    heading: ShortText | None = None
    types: list[v.BillSectionLineItemType] = Field(min_length=1, max_length=7)
    start_date: date
    end_date: date
    cost: Amount
    value: Amount | None = None
    units: v.Unit | None = None
    rate: Amount | None = None
    usage_detail_refs: list[Ref] = Field(default_factory=list, max_length=200)
    cost_detail_refs: list[Ref] = Field(default_factory=list, max_length=200)

    @model_validator(mode="after")
    def _value_has_units(self) -> Self:
        if self.value is not None and self.units is None:
            raise ValueError("the value of a line item needs units")
        return self


class BillSection(Contract):
    """CDS-WG3-01 §10.6; `account_ref` is the sub-account for `sub_account` sections."""

    section_ref: Ref
    account_ref: Ref
    account_number: ShortText
    section_types: list[v.BillSectionType] = Field(min_length=1, max_length=9)
    start_date: date
    end_date: date
    currency: Currency
    distribution_entity: Entity | None = None
    supply_entity: Entity | None = None
    contract_refs: list[Ref] = Field(default_factory=list, max_length=200)
    servicepoint_refs: list[Ref] = Field(default_factory=list, max_length=200)
    meter_refs: list[Ref] = Field(default_factory=list, max_length=200)
    related_section_refs: list[Ref] = Field(default_factory=list, max_length=200)
    service_programs: list[Program] = Field(default_factory=list, max_length=100)
    usage_details: list[UsageDetail] = Field(default_factory=list, max_length=500)
    cost_details: list[CostDetail] = Field(default_factory=list, max_length=500)
    line_items: list[LineItem] = Field(default_factory=list, max_length=1000)

    @model_validator(mode="after")
    def _one_overall_total(self) -> Self:
        """§10.6.5.1, §10.6.6: the total that the bill prints, once, and a number."""
        totals = [detail for detail in self.cost_details if "overall_total" in detail.types]
        if len(totals) > 1 or any(not isinstance(total.cost, Decimal) for total in totals):
            raise ValueError("a section has one overall total, a number")
        return self


class BillFile(Contract):
    """The printed bill; the bytes travel in the message up to 700 kB, Base64 (RFC 4648)."""

    mimetype: Annotated[str, Field(pattern=r"^[a-z]+/[a-zA-Z0-9.+-]+$", max_length=100)]
    content: Annotated[str, Field(max_length=950_000)]


class BillRecordedV1(UtilityEvent):
    """A Bill Statement with all its sections (CDS-WG3-01 §10.5, §10.6), as it was issued; None = the bill does not show it."""

    topic: ClassVar[str] = "utility.bills"
    event_type: Literal["bill.recorded.v1"] = "bill.recorded.v1"
    statement_ref: Ref
    account_ref: Ref
    account_number: ShortText
    statement_date: date
    currency: Currency
    file: BillFile | None = None
    previous_balance_amount: Amount | None = None
    previous_balance_paid: Amount | None = None
    previous_balance_unpaid: Amount | None = None
    new_charges_amount: Amount | None = None
    new_charges: list[NewCharge] | None = Field(default=None, max_length=200)
    new_balance_amount: Amount | None = None
    amount_due: Amount
    amount_due_difference_reason: ShortText | None = None
    """Why the listed charges do not add up to the amount due, where the utility knows it (§10.5.3)."""
    amount_due_date: date
    shutoff_prevention_minimum_due: Amount | None = None
    shutoff_prevention_date: date | None = None
    account_programs: list[Program] = Field(default_factory=list, max_length=100)
    sections: list[BillSection] = Field(default_factory=list, max_length=200)

    def key(self) -> str:
        return self.account_ref
