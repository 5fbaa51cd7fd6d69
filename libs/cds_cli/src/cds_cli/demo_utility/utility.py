"""The demo utility's customers, accounts, contracts, points, meters and building as `utility.*` events."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from cds_cli.demo_utility.calendar import midnight
from cds_cli.demo_utility.cast import LANTERN_COURT, Household, Service, services
from cds_cli.demo_utility.stable import fact_id
from cds_common.events.utility import (
    AccountRecordedV1,
    AggregationRecordedV1,
    Contact,
    ContractRecordedV1,
    CustomerRecordedV1,
    Entity,
    MeterPlacement,
    MeterRecordedV1,
    Premise,
    Program,
    ServicePointRecordedV1,
)
from cds_common.events.vocabulary import AccountType, MeterType, ServicePointType, ServiceType

ENTITY = Entity(
    entity_number="HLP",
    types=["distributor", "supplier", "muni"],
    entity_name="Harbor Light & Power",
    entity_abbreviation="HLP",
)
BUDGET_BILLING = Program.model_validate(
    {
        "program_number": "BB-1",
        "types": ["active", "payment_plan"],
        "name": "Budget Billing",
        "description": "The year's cost in twelve equal parts.",
        "documentation": "https://www.hlp.example/programs/budget-billing",
        "start": date(2025, 2, 1),
    }
)
SAVERS = Program.model_validate(
    {
        "program_number": "PS-4",
        "types": ["active", "demand_response"],
        "name": "Peak Savers",
        "description": "A credit for using less on hot afternoons.",
        "documentation": "https://www.hlp.example/programs/peak-savers",
        "start": date(2025, 5, 1),
    }
)


def _base(household: Household, kind: str, ref: str, since: date) -> dict[str, Any]:
    at = midnight(since)
    return {
        "event_id": fact_id(household.environment, kind, ref, at),
        "occurred_at": at,
        "source_time": at,
        "environment": household.environment,
    }


def _since(household: Household) -> date:
    return min(service.start for service in household.services)


def customer(household: Household) -> CustomerRecordedV1:
    """The person or organisation that logs in."""
    return CustomerRecordedV1(
        **_base(household, "customer", household.ref, _since(household)),
        customer_ref=household.ref,
        customer_number=f"CU-{household.account_number}",
        name=household.name,
        email=f"{household.login}@mail.example",
        login_name=household.login,
    )


def account(household: Household) -> AccountRecordedV1:
    """The household's account, with its contacts."""
    size: AccountType = {"residential": "residential", "commercial": "commercial", "municipal": "municipal"}[household.kind]  # type: ignore[assignment]
    contacts = [Contact(types=["email", "primary"], value=f"{household.login}@mail.example")]
    if household.phone:
        contacts.insert(0, Contact(types=["phone_number", "preferred"], value=household.phone))
    return AccountRecordedV1(
        **_base(household, "account", household.account_number, _since(household)),
        account_ref=f"AC-{household.account_number}",
        customer_refs=[household.ref],
        customer_number=f"CU-{household.account_number}",
        account_number=household.account_number,
        account_entity=ENTITY,
        account_name=household.name,
        account_address=household.address,
        account_types=["customer", size, "billed_monthly"],
        account_status=household.account_status,
        account_contacts=contacts,
        account_programs=[BUDGET_BILLING] if household.ref == "C-MOSS" else [],
    )


def contract(household: Household, service: Service) -> ContractRecordedV1:
    """One service agreement."""
    size: ServiceType = "residential" if household.kind == "residential" else "commercial"
    kind: ServiceType = service.commodity
    since = service.end or service.start
    return ContractRecordedV1(
        **_base(household, "contract", service.contract_number, since),
        contract_ref=f"CT-{service.contract_number}",
        account_ref=f"AC-{household.account_number}",
        contract_number=service.contract_number,
        contract_entity=ENTITY,
        contract_address=household.address,
        contract_types=["utility_service", "billed_monthly"],
        contract_status="closed" if service.end else "active",
        contract_start=service.start,
        # The specification's end is the last day of the agreement; a Service ends before its `end`.
        contract_end=service.end and service.end - timedelta(days=1),
        service_types=[kind, size, "metered", "distribution", "supply"],
        rateplan_code=service.rateplan[0],
        rateplan_name=service.rateplan[1],
        service_programs=[SAVERS] if service.contract_number == "220-471" else [],
    )


def service_points() -> Iterator[ServicePointRecordedV1]:
    """Each point once, with the contracts it serves now and served before."""
    at_point: dict[tuple[str, str], list[tuple[Household, Service]]] = {}
    for household, service in services():
        at_point.setdefault((household.environment, service.point_ref), []).append((household, service))
    for (_, ref), tenants in at_point.items():
        household, service = tenants[-1]
        kind: ServicePointType = service.commodity
        yield ServicePointRecordedV1(
            **_base(household, "servicepoint", ref, service.start),
            servicepoint_ref=ref,
            servicepoint_number=ref.removeprefix("SP-"),
            servicepoint_types=[kind, "single_service", "physical", "edge"],
            servicepoint_address=household.address,
            latitude=Decimal(household.latitude),
            longitude=Decimal(household.longitude),
            premises=[Premise(premise_number=household.premise, types=["building"])] if household.premise else [],
            current_contract_refs=[f"CT-{s.contract_number}" for _, s in tenants if s.end is None],
            previous_contract_refs=[f"CT-{s.contract_number}" for _, s in tenants if s.end is not None],
        )


def meters() -> Iterator[MeterRecordedV1]:
    """Each meter with its placements."""
    usage: dict[str, MeterType] = {"electric": "electric_usage", "natural_gas": "natural_gas_usage", "water": "water_usage"}
    for household, service in services():
        for meter in service.meters:
            flow: MeterType = "bidirectional" if service.profile == "solar_home" else "forward_only"
            reading: MeterType = "ami_meter" if service.commodity == "electric" else "amr_meter"
            yield MeterRecordedV1(
                **_base(household, "meter", meter.number, meter.removed or meter.placed),
                meter_ref=f"MT-{meter.number}",
                meter_number=meter.number,
                meter_types=[usage[service.commodity], flow, "physical_meter", reading],
                placements=[
                    MeterPlacement(
                        servicepoint_ref=service.point_ref,
                        start=midnight(meter.placed),
                        end=midnight(meter.removed) if meter.removed else None,
                    )
                ],
            )


def building() -> AggregationRecordedV1:
    """Lantern Court: twelve flats as one Aggregation."""
    members = [service.point_ref for household in LANTERN_COURT.members for service in household.services]
    first = LANTERN_COURT.members[0]
    return AggregationRecordedV1(
        **_base(first, "aggregation", LANTERN_COURT.ref, _since(first) + timedelta(days=1)),
        aggregation_ref=LANTERN_COURT.ref,
        aggregation_number=LANTERN_COURT.number,
        name=LANTERN_COURT.name,
        aggregation_types=["confidential", "building"],
        servicepoint_refs=members,
        premise_numbers=[LANTERN_COURT.premise],
        grouped_addresses=[LANTERN_COURT.address],
        countries=["US"],
        provinces=["WA"],
        municipalities=["Port Alder"],
    )
