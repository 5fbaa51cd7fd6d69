"""`utility.*`: what the utility's own systems (CIS, MDMS, bill print) or the loader send in; keyed by the utility's refs.

Each message is a whole object as the source knows it. `source_time` says when it was true there; a late message with an
older `source_time` becomes history and never overwrites newer state.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from cds_common.events import vocabulary as v
from cds_common.events.envelope import Contract, Ref, ShortText, Text
from cds_common.events.utility_bills import BillFile, BillRecordedV1, BillSection, CostDetail, LineItem, NewCharge, UsageDetail
from cds_common.events.utility_parts import Amount, AmountOrText, Contact, Currency, Entity, ExactNumber, Extensible, Program, UtilityEvent
from cds_common.events.utility_readings import MAX_VALUES, ReadingsRecordedV1, SeriesShape

__all__ = [
    "MAX_VALUES", "UTILITY_EVENTS", "AccountRecordedV1", "AggregationRecordedV1", "Amount", "AmountOrText", "BillFile", "BillRecordedV1",
    "BillSection", "Contact", "ContractRecordedV1", "CostDetail", "Currency", "CustomerRecordedV1", "EacRecordedV1", "Entity",
    "ExactNumber", "LineItem", "MeterApp", "MeterPlacement", "MeterRecordedV1", "NewCharge", "Premise", "Program", "ReadingsRecordedV1",
    "Region", "SeriesShape", "ServicePointRecordedV1", "UsageDetail", "UtilityEvent",
]  # fmt: skip


class CustomerRecordedV1(UtilityEvent):
    """A person or organisation that can log in and authorize. Never a password."""

    topic: ClassVar[str] = "utility.customers"
    event_type: Literal["customer.recorded.v1"] = "customer.recorded.v1"
    customer_ref: Ref
    customer_number: ShortText | None = None
    name: ShortText
    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    login_name: ShortText | None = None

    def key(self) -> str:
        return self.customer_ref


class AccountRecordedV1(UtilityEvent):
    """An Account (CDS-WG3-01 §10.1) and the customers who may authorize access to it."""

    topic: ClassVar[str] = "utility.accounts"
    event_type: Literal["account.recorded.v1"] = "account.recorded.v1"
    account_ref: Ref
    parent_account_ref: Ref | None = None
    customer_refs: list[Ref] = Field(min_length=1, max_length=100)
    customer_number: ShortText | None = None
    account_number: ShortText
    account_entity: Entity | None = None
    account_name: ShortText | None = None
    account_address: Text | None = None
    account_types: list[v.AccountType] = Field(min_length=1, max_length=13)
    account_status: v.AccountStatus = "unknown"
    account_contacts: list[Contact] = Field(default_factory=list, max_length=50)
    account_programs: list[Program] = Field(default_factory=list, max_length=100)

    def key(self) -> str:
        return self.account_ref


class ContractRecordedV1(UtilityEvent):
    """A Service Contract (CDS-WG3-01 §10.2)."""

    topic: ClassVar[str] = "utility.contracts"
    event_type: Literal["contract.recorded.v1"] = "contract.recorded.v1"
    contract_ref: Ref
    account_ref: Ref
    contract_number: ShortText | None = None
    contract_entity: Entity | None = None
    contract_address: Text | None = None
    contract_types: list[v.ContractType] = Field(min_length=1, max_length=4)
    contract_status: v.ContractStatus = "unknown"
    contract_start: date
    contract_end: date | None = None
    service_types: list[v.ServiceType] = Field(min_length=1, max_length=15)
    rateplan_code: ShortText
    rateplan_name: ShortText
    service_programs: list[Program] = Field(default_factory=list, max_length=100)

    def key(self) -> str:
        return self.contract_ref


class Premise(Extensible):
    """CDS-WG3-01 §10.3.3."""

    premise_number: ShortText
    types: list[v.PremiseType] = Field(min_length=1, max_length=4)


class ServicePointRecordedV1(UtilityEvent):
    """A Service Point (CDS-WG3-01 §10.3) with the contracts it serves or has served."""

    topic: ClassVar[str] = "utility.servicepoints"
    event_type: Literal["servicepoint.recorded.v1"] = "servicepoint.recorded.v1"
    servicepoint_ref: Ref
    servicepoint_number: ShortText | None = None
    servicepoint_types: list[v.ServicePointType] = Field(min_length=1, max_length=10)
    servicepoint_address: Text | None = None
    latitude: Annotated[Decimal, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[Decimal, Field(ge=-180, le=180)] | None = None
    premises: list[Premise] = Field(default_factory=list, max_length=50)
    current_contract_refs: list[Ref] = Field(default_factory=list, max_length=100)
    previous_contract_refs: list[Ref] = Field(default_factory=list, max_length=500)

    def key(self) -> str:
        return self.servicepoint_ref


class MeterApp(Extensible):
    """CDS-WG3-01 §10.4.3."""

    app_number: ShortText
    types: list[v.MeterAppType] = Field(min_length=1, max_length=6)
    name: ShortText
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None


class MeterPlacement(Contract):
    """Where a meter was, and from when to when; `end` None = still there. Decides whose reading a value is."""

    servicepoint_ref: Ref
    start: AwareDatetime
    end: AwareDatetime | None = None


class MeterRecordedV1(UtilityEvent):
    """A Meter Device (CDS-WG3-01 §10.4) and its placements over time (a swap ends one and begins another)."""

    topic: ClassVar[str] = "utility.meters"
    event_type: Literal["meter.recorded.v1"] = "meter.recorded.v1"
    meter_ref: Ref
    meter_number: ShortText | None = None
    meter_types: list[v.MeterType] = Field(min_length=1, max_length=21)
    meter_apps: list[MeterApp] = Field(default_factory=list, max_length=50)
    placements: list[MeterPlacement] = Field(default_factory=list, max_length=100)

    def key(self) -> str:
        return self.meter_ref


class Region(Extensible):
    """CDS-WG3-01 §10.7.3; `geojson` is WGS 84 longitude, latitude (RFC 7946)."""

    wire_only: ClassVar[frozenset[str]] = frozenset({"map_resource", "map_content_type", "geojson_resource"})
    region_ref: Ref
    name: ShortText
    types: list[v.RegionType] = Field(min_length=1, max_length=5)
    geojson: dict[str, object] | None = None
    postal_codes: list[ShortText] | None = None
    counties: list[ShortText] | None = None
    neighborhoods: list[ShortText] | None = None
    city_blocks: list[ShortText] | None = None


_GROUPED = frozenset(
    {
        "grouped_accounts", "grouped_servicecontracts", "grouped_servicepoints", "grouped_meterdevices", "grouped_aggregations",
        "grouped_regions", "consent_requirements", "authorization_details", "account_types", "account_program_numbers", "service_types",
        "rateplan_code", "service_program_numbers", "servicepoint_types", "meter_types", "meter_app_numbers",
    }
)  # fmt: skip

AggregationCriterion = Literal[
    "account_types", "account_program_numbers", "service_types", "rateplan_code", "service_program_numbers", "servicepoint_types",
    "meter_types", "meter_app_numbers",
]  # fmt: skip


class AggregationRecordedV1(UtilityEvent, Extensible):
    """An Aggregation by its members (CDS-WG3-01 §10.7): service points for usage, premises and addresses to find it."""

    wire_only: ClassVar[frozenset[str]] = _GROUPED
    topic: ClassVar[str] = "utility.aggregations"
    event_type: Literal["aggregation.recorded.v1"] = "aggregation.recorded.v1"
    aggregation_ref: Ref
    aggregation_number: ShortText | None = None
    name: ShortText
    aggregation_types: list[v.AggregationType] = Field(min_length=1, max_length=22)
    servicepoint_refs: list[Ref] = Field(default_factory=list, max_length=100_000)
    member_aggregation_refs: list[Ref] = Field(default_factory=list, max_length=1000)
    premise_numbers: list[ShortText] = Field(default_factory=list, max_length=1000)
    grouped_addresses: list[Text] = Field(default_factory=list, max_length=1000)
    regions: list[Region] = Field(default_factory=list, max_length=100)
    countries: list[ShortText] = Field(default_factory=list, max_length=10)
    provinces: list[ShortText] = Field(default_factory=list, max_length=100)
    municipalities: list[ShortText] = Field(default_factory=list, max_length=1000)
    criteria: dict[AggregationCriterion, list[ShortText]] = Field(default_factory=dict)
    """What the members were chosen by, under the field name that the aggregation type asks for (CDS-WG3-01 §10.7.2)."""

    def key(self) -> str:
        return self.aggregation_ref


class EacRecordedV1(UtilityEvent):
    """An Energy Attribute Certificate (CDS-WG3-01 §10.9); beneficiaries by ref, or by number for customers, rates, programs."""

    topic: ClassVar[str] = "utility.eacs"
    event_type: Literal["eac.recorded.v1"] = "eac.recorded.v1"
    eac_ref: Ref
    beneficiary_type: v.BeneficiaryType
    beneficiaries: list[Ref] = Field(default_factory=list, max_length=1000)
    eac_numbers: list[ShortText] = Field(default_factory=list, max_length=100)
    eac_format: ShortText
    content: Annotated[str, Field(max_length=950_000)]
    content_type: ShortText = "application/json"
    period_start: AwareDatetime
    period_end: AwareDatetime

    def key(self) -> str:
        return self.eac_ref


UTILITY_EVENTS: tuple[type[UtilityEvent], ...] = (
    CustomerRecordedV1,
    AccountRecordedV1,
    ContractRecordedV1,
    ServicePointRecordedV1,
    MeterRecordedV1,
    BillRecordedV1,
    ReadingsRecordedV1,
    AggregationRecordedV1,
    EacRecordedV1,
)
