"""Harbor Works Trust: one customer in whose accounts everything occurs that the specification knows (CDS-WG3-01 §10.1 - §10.4).

A parent account with two sub-accounts, supply by another utility than distribution, a plant that feeds in, oil, street
lights, waste: for developers who want to see every type once.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args

from cds_cli.demo_utility.calendar import midnight
from cds_cli.demo_utility.stable import fact_id
from cds_cli.demo_utility.utility import ENTITY
from cds_common.events import vocabulary as v
from cds_common.events.utility import (
    AccountRecordedV1,
    Contact,
    ContractRecordedV1,
    CustomerRecordedV1,
    Entity,
    MeterApp,
    MeterRecordedV1,
    Premise,
    Program,
    ServicePointRecordedV1,
    UtilityEvent,
)

SINCE = date(2025, 8, 1)
CUSTOMER = "C-WORKS"
PARENT, PLANT, YARD = "67-0100", "67-0101", "67-0102"
ADDRESS = "1 Works Quay\nPort Alder, WA 98003"
COMMUNITY_POWER = Entity(entity_number="ACP", types=["supplier", "cca"], entity_name="Alder Community Power", entity_abbreviation="ACP")
STRAIT_SOLAR = Entity(entity_number="SSO", types=["generator"], entity_name="Strait Solar")


def base(kind: str, ref: str, since: date = SINCE) -> dict[str, Any]:
    """The members that every message about the trust has."""
    at = midnight(since)
    return {"event_id": fact_id("sandbox", kind, ref, at), "occurred_at": at, "source_time": at, "environment": "sandbox"}


def program(number: str, name: str, *types: Any, **members: Any) -> Program:
    """A program with its page."""
    link = f"https://www.hlp.example/programs/{number.lower()}"
    return Program(program_number=number, types=list(types), name=name, description=f"{name}.", documentation=link, **members)  # type: ignore[arg-type]


ACCOUNT_PROGRAMS = (
    program(
        "BB-1", "Budget Billing", "inactive", "flat_rate", start=date(2024, 2, 1), end=date(2025, 1, 31), participation_number="BB-7711"
    ),
    program("LI-2", "Harbor Assist", "ineligible", "low_income", more_info="https://www.hlp.example/assist"),
    program("PP-3", "Payment Plan", "active", "payment_plan", start=SINCE, settings="https://www.hlp.example/my/plan"),
    program("CN-5", "Critical Need", "active", "protected", start=SINCE, signup="https://www.hlp.example/how-to/critical-need"),
    program("SU-6", "Energy Study", "eligible", "survey", "pilot", "rebate", signup="https://www.hlp.example/my/study"),
    program(
        "NB-8",
        "Net Balance",
        "active",
        "credit_bank",
        start=SINCE,
        balance=Decimal("-41.20"),
        currency="USD",
        discontinue="https://www.hlp.example/how-to/leave",
        additional_fields={"hlp_net_kwh": {"number": "-312.5"}},
    ),
)
SERVICE_PROGRAMS = (
    program(
        "PS-4",
        "Peak Savers",
        "active",
        "demand_response",
        start=SINCE,
        pnode="ALDER_7_N001",
        anode="HLP_AGG_3",
        aggregated=True,
        automated=False,
    ),
    program("EV-7", "Night Charge", "active", "ev", start=SINCE, additional_fields={"hlp_charger_model": "Dock 11"}),
    program("NE-9", "Net Energy", "active", "credit_bank", start=SINCE, balance=Decimal("-118.250"), units="kWh"),
    program("TH-2", "Warm Rooms", "eligible", "thermostat", "pilot", "rebate"),
    program("LI-2", "Harbor Assist", "ineligible", "low_income", "survey"),
    program("CN-5", "Critical Need", "inactive", "protected", start=date(2024, 1, 1), end=date(2024, 12, 31)),
)


def people() -> Iterator[UtilityEvent]:
    """The customer and the accounts."""
    yield CustomerRecordedV1(
        **base("customer", CUSTOMER),
        customer_ref=CUSTOMER,
        customer_number=f"CU-{PARENT}",
        name="Harbor Works Trust",
        email="works@mail.example",
        login_name="works",
    )
    contacts = [
        Contact(types=["phone_number", "work", "preferred", "primary"], value="+13605550167"),
        Contact(types=["phone_number", "mobile", "secondary"], value="+13605550168"),
        Contact(types=["phone_number", "home"], value="+13605550169"),
        Contact(types=["email", "work"], value="works@mail.example"),
    ]
    yield _account(
        PARENT, "customer", "commercial", "parent", "billed_monthly", account_contacts=contacts, account_programs=ACCOUNT_PROGRAMS
    )
    yield _account(PLANT, "customer", "industrial", "child", parent_account_ref=f"AC-{PARENT}")
    yield _account(
        YARD, "customer", "agriculture", "child", "billed_quarterly", parent_account_ref=f"AC-{PARENT}", account_status="suspended"
    )
    yield _account("67-0190", "thirdparty", "municipal", account_entity=None, account_status="closed")
    yield _account("67-0191", "internal", "test", "residential", account_status="unknown")


def _account(number: str, *types: Any, **members: Any) -> AccountRecordedV1:
    known: dict[str, Any] = {"account_entity": ENTITY, "account_status": "active", "account_name": "Harbor Works Trust"}
    return AccountRecordedV1(
        **base("account", number),
        account_ref=f"AC-{number}",
        customer_refs=[CUSTOMER],
        customer_number=f"CU-{PARENT}",
        account_number=number,
        account_address=ADDRESS,
        account_types=list(types),
        **known | members,
    )


def contracts() -> Iterator[ContractRecordedV1]:
    """Who delivers and who supplies: apart at the plant, in one hand in the yard."""
    plant: tuple[Any, ...] = ("electric", "industrial", "metered")
    yard: tuple[Any, ...] = ("agriculture", "distribution", "supply")
    yield _contract("670-101", PLANT, *plant, "distribution", rateplan=("TOD-B", "Time-of-Day Business"), service_programs=SERVICE_PROGRAMS)
    yield _contract("670-102", PLANT, *plant, "supply", rateplan=("ACP-G", "Community Green"), contract_entity=COMMUNITY_POWER)
    yield _contract(
        "670-103",
        PLANT,
        "electric",
        "metered",
        "generation",
        rateplan=("PPA-1", "Quay Roof"),
        contract_entity=STRAIT_SOLAR,
        contract_types=["project"],
    )
    yield _contract("670-201", YARD, "electric", "metered", *yard, rateplan=("TIER-A", "Tiered Agriculture"))
    yield _contract("670-202", YARD, "fuel_oil", "metered", *yard, rateplan=("OIL-B", "Heating Oil Business"), contract_status="paused")
    yield _contract(
        "670-203",
        YARD,
        "electric",
        "unmetered",
        *yard,
        rateplan=("LAMP", "Yard Lights"),
        contract_types=["utility_service", "billed_quarterly"],
    )
    yield _contract(
        "670-204", YARD, "waste_water", "unmetered", "commercial", "supply", rateplan=("WW", "Waste Water"), contract_status="stopped"
    )
    yield _contract(
        "670-205", YARD, "solid_waste", "unmetered", "residential", "supply", rateplan=("SW", "Solid Waste"), contract_status="unknown"
    )


def _contract(number: str, account: str, *types: Any, rateplan: tuple[str, str], **members: Any) -> ContractRecordedV1:
    known: dict[str, Any] = {
        "contract_entity": ENTITY,
        "contract_status": "active",
        "contract_types": ["utility_service", "billed_monthly"],
    }
    return ContractRecordedV1(
        **base("contract", number),
        contract_ref=f"CT-{number}",
        account_ref=f"AC-{account}",
        contract_number=number,
        contract_address=ADDRESS,
        contract_start=SINCE,
        service_types=list(types),
        rateplan_code=rateplan[0],
        rateplan_name=rateplan[1],
        **known | members,
    )


PREMISES = (
    Premise(premise_number="PR-WORKS", types=["building", "land"]),
    Premise(premise_number="PR-PANEL-7", types=["service_group"], additional_fields={"hlp_panel_model": "Wall 12"}),
    Premise(premise_number="PR-ZONE-I", types=["zone"]),
)


def points() -> Iterator[ServicePointRecordedV1]:
    """Where the contracts are served."""
    yield _point("670-101", "electric", "single_service", "physical", "edge", contracts=("670-101", "670-102"), premises=PREMISES)
    yield _point("670-103", "electric", "single_service", "virtual", "edge", contracts=("670-103",))
    yield _point("670-201", "electric", "single_service", "physical", contracts=("670-201",))
    yield _point("670-202", "fuel_oil", "single_service", "physical", contracts=("670-202",))
    yield _point("670-203", "electric", "single_service", "virtual", "internal", contracts=("670-203",), servicepoint_address=None)
    yield _point("670-204", "water", "natural_gas", "multi_service", "internal", contracts=("670-204", "670-205"), servicepoint_number=None)


def _point(number: str, *types: Any, contracts: tuple[str, ...], **members: Any) -> ServicePointRecordedV1:
    known: dict[str, Any] = {"servicepoint_number": number, "servicepoint_address": ADDRESS}
    return ServicePointRecordedV1(
        **base("servicepoint", number),
        servicepoint_ref=f"SP-{number}",
        servicepoint_types=list(types),
        latitude=Decimal("48.1040"),
        longitude=Decimal("-123.4270"),
        current_contract_refs=[f"CT-{one}" for one in contracts],
        **known | members,
    )


_RADIO: tuple[Any, ...] = tuple(one for one in get_args(v.MeterType) if one.startswith(("wifi", "zigbee")) or one.endswith("_capable"))


def meters() -> Iterator[MeterRecordedV1]:
    """Every kind of meter, and what runs on them."""
    at = midnight(SINCE)
    apps = [
        MeterApp(app_number="APP-LOAD", types=["installed", "compatible", "central_installable"], name="Load Finder", start=at),
        MeterApp(app_number="APP-OLD", types=["uninstalled", "incompatible"], name="Old Finder", end=at + timedelta(days=20)),
        MeterApp(
            app_number="APP-BAT",
            types=["compatible", "customer_installable"],
            name="Battery Guide",
            additional_fields={"hlp_battery_models": ["Cell 4", "Cell 9"]},
        ),
    ]
    yield _meter(
        "M-0670101", "670-101", "electric_usage", "electric_demand", "bidirectional", "physical_meter", "ami_meter", *_RADIO, apps=apps
    )
    yield _meter("M-0670103", "670-103", "electric_usage", "reverse_only", "virtual_meter")
    yield _meter("M-0670201", "670-201", "electric_usage", "forward_only", "physical_meter", "amr_meter")
    yield _meter("M-0670202", "670-202", "fuel_oil_usage", "physical_meter", "analog_meter")


def _meter(number: str, point: str, *types: Any, apps: Any = ()) -> MeterRecordedV1:
    placement: Any = {"servicepoint_ref": f"SP-{point}", "start": midnight(SINCE)}
    return MeterRecordedV1(
        **base("meter", number),
        meter_ref=f"MT-{number}",
        meter_number=number,
        meter_types=list(types),
        meter_apps=list(apps),
        placements=[placement],
    )


def events() -> Iterator[UtilityEvent]:
    """Everything that does not change with time."""
    yield from people()
    yield from contracts()
    yield from points()
    yield from meters()
