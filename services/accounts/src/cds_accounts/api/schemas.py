"""The answers as documented; they are built from stored documents, so these models only describe them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from cds_common.events import vocabulary as v
from cds_common.wire import CdsDateTime, CdsModel

Link = Annotated[str | None, Field(description="Absolute URL of the neighbouring page, null at the end of the list")]


class Entity(CdsModel):
    """CDS-WG3-01 §10.1.4."""

    id: str
    types: list[v.EntityType]
    entity_number: str
    entity_name: str
    entity_abbreviation: str | None


class AccountContact(CdsModel):
    """CDS-WG3-01 §10.1.6."""

    id: str
    types: list[v.AccountContactType]
    value: str


class _Program(CdsModel):
    id: str
    program_number: str
    name: str
    description: str
    documentation: str
    more_info: str = ""
    signup: str = ""
    settings: str = ""
    discontinue: str = ""
    participation_number: str = ""
    start: date | None = None
    end: date | None = None
    balance: Decimal = Decimal(0)
    currency: str = ""


class AccountProgram(_Program):
    """CDS-WG3-01 §10.1.8."""

    types: list[v.AccountProgramType]


class ServiceProgram(_Program):
    """CDS-WG3-01 §10.2.5."""

    types: list[v.ServiceProgramType]
    units: v.Unit | None = None
    pnode: str = ""
    anode: str = ""
    aggregated: bool = False
    automated: bool = False


class _Stamped(CdsModel):
    cds_created: CdsDateTime
    cds_modified: CdsDateTime
    cds_synced: CdsDateTime


class Account(_Stamped):
    """CDS-WG3-01 §10.1.1; members with a default are there only when the Grant opens them."""

    cds_account_id: str
    cds_account_parent: str | None
    customer_number: str | None = None
    account_number: str = ""
    account_entity: Entity | None = None
    account_name: str = ""
    account_address: str = ""
    account_types: list[v.AccountType] = Field(default_factory=list)
    account_status: v.AccountStatus = "unknown"
    account_contacts: list[AccountContact] = Field(default_factory=list)
    account_programs: list[AccountProgram] = Field(default_factory=list)


class ServiceContract(_Stamped):
    """CDS-WG3-01 §10.2.1."""

    cds_servicecontract_id: str
    cds_account_id: str
    account_number: str = ""
    contract_number: str | None = None
    contract_address: str = ""
    contract_types: list[v.ContractType]
    contract_entity: Entity | None = None
    contract_status: v.ContractStatus
    contract_start: date | None = None
    contract_end: date | None = None
    service_types: list[v.ServiceType]
    rateplan_code: str = ""
    rateplan_name: str = ""
    service_programs: list[ServiceProgram] = Field(default_factory=list)


class Premise(CdsModel):
    """CDS-WG3-01 §10.3.3."""

    id: str
    premise_number: str
    types: list[v.PremiseType]


class ServicePoint(_Stamped):
    """CDS-WG3-01 §10.3.1."""

    cds_servicepoint_id: str
    servicepoint_number: str | None
    servicepoint_types: list[v.ServicePointType]
    servicepoint_address: str | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    current_servicecontracts: list[str]
    previous_servicecontracts: list[str]
    premises: list[Premise] = Field(default_factory=list)


class MeterApp(CdsModel):
    """CDS-WG3-01 §10.4.3."""

    id: str
    app_number: str
    types: list[v.MeterAppType]
    name: str
    start: CdsDateTime | None = None
    end: CdsDateTime | None = None


class MeterDevice(_Stamped):
    """CDS-WG3-01 §10.4.1."""

    cds_meterdevice_id: str
    meter_number: str | None = None
    meter_types: list[v.MeterType]
    current_servicepoints: list[str]
    previous_servicepoints: list[str]
    meter_apps: list[MeterApp] = Field(default_factory=list)


class _Page(CdsModel):
    next: Link
    previous: Link


class AccountList(_Page):
    """CDS-WG3-01 §10.1.10."""

    accounts: list[Account]


class ServiceContractList(_Page):
    """CDS-WG3-01 §10.2.7."""

    service_contracts: list[ServiceContract]


class ServicePointList(_Page):
    """CDS-WG3-01 §10.3.5."""

    service_points: list[ServicePoint]


class MeterDeviceList(_Page):
    """CDS-WG3-01 §10.4.5."""

    meter_devices: list[MeterDevice]


def documented(model: type[CdsModel]) -> dict[int | str, dict[str, Any]]:
    """`responses=` member for a listing whose handler returns bytes."""
    return {200: {"model": model}}
