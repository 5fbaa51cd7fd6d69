"""A bill as the utility issued it, in the words and ids of CDS-WG3-01 §10.5 and §10.6: the pure step from message to objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from cds_billing.domain import names
from cds_common.events.utility import BillRecordedV1, BillSection, Entity, LineItem, NewCharge, Program, UsageDetail
from cds_common.ids import Environment, Kind, resource_id

Json = dict[str, Any]

GAP_NAME = "Difference between the charges listed and the amount due"


@dataclass(frozen=True, slots=True)
class Section:
    """A Bill Section with what its listing sorts and filters by; `body` holds the members that do not depend on the token."""

    section_id: UUID
    account_id: UUID
    account_number: str
    start_date: date
    end_date: date
    contract_ids: list[UUID]
    point_ids: list[UUID]
    meter_ids: list[UUID]
    related_ids: list[UUID]
    body: Json


@dataclass(frozen=True, slots=True)
class Statement:
    """A Bill Statement with its sections."""

    statement_id: UUID
    environment: Environment
    account_id: UUID
    account_number: str
    statement_date: date
    body: Json
    sections: list[Section]


def statement_of(event: BillRecordedV1) -> Statement:
    """Turn the utility's bill into a Statement and its Sections, with platform ids.

    Where the listed charges do not add up to the amount due, a New Charge of type `amount_due_sum_difference` closes the
    gap exactly (§10.5.1, §10.5.3).

    Raises:
        ValueError: a section, charge or detail names something that the bill does not hold.
    """
    environment = event.environment
    section_ids = {section.section_ref: resource_id(environment, "bill_section", section.section_ref) for section in event.sections}
    if len(section_ids) != len(event.sections):
        raise ValueError("two sections of the bill have the same ref")
    return Statement(
        statement_id=resource_id(environment, "bill_statement", event.statement_ref),
        environment=environment,
        account_id=resource_id(environment, "account", event.account_ref),
        account_number=event.account_number,
        statement_date=event.statement_date,
        body=_statement_body(event, section_ids),
        sections=[_section(section, event, section_ids) for section in event.sections],
    )


def _statement_body(event: BillRecordedV1, section_ids: dict[str, UUID]) -> Json:
    body: Json = {
        "statement_date": event.statement_date.isoformat(),
        "currency": event.currency,
        "amount_due": event.amount_due,
        "amount_due_date": event.amount_due_date.isoformat(),
        "shutoff_prevention_minimum_due": event.shutoff_prevention_minimum_due,
        "shutoff_prevention_date": _shutoff_date(event),
        "account_programs": [_program(program, event.environment) for program in event.account_programs],
    }
    shown = {
        "previous_balance_amount": event.previous_balance_amount,
        "previous_balance_paid": event.previous_balance_paid,
        "previous_balance_unpaid": event.previous_balance_unpaid,
        "new_charges_amount": event.new_charges_amount,
        "new_balance_amount": event.new_balance_amount,
    }
    body |= {name: value for name, value in shown.items() if value is not None}
    if event.new_charges is not None:
        body["new_charges"] = _charges(event, event.new_charges, section_ids)
    return body


def _shutoff_date(event: BillRecordedV1) -> str | None:
    notice = event.shutoff_prevention_minimum_due is not None and event.shutoff_prevention_date is not None
    return event.shutoff_prevention_date.isoformat() if notice and event.shutoff_prevention_date else None


def _charges(event: BillRecordedV1, charges: list[NewCharge], section_ids: dict[str, UUID]) -> list[Json]:
    listed = [
        {
            "id": str(_part(event.environment, charge.charge_ref)),
            "name": charge.name,
            "types": list(charge.types),
            "amount": charge.amount,
            "included_in_amount_due": charge.included_in_amount_due,
            "related_billsections": [str(section_id) for section_id in _named(charge.section_refs, section_ids, "section")],
        }
        for charge in charges
    ]
    if event.previous_balance_unpaid is not None:
        counted = sum((charge.amount for charge in charges if charge.included_in_amount_due), Decimal(0))
        gap = event.amount_due - event.previous_balance_unpaid - counted
        if gap:
            listed.append(
                {
                    "id": str(_part(event.environment, f"{event.statement_ref}\x1fgap")),
                    "name": event.amount_due_difference_reason or GAP_NAME,
                    "types": ["amount_due_sum_difference"],
                    "amount": gap,
                    "included_in_amount_due": True,
                    "related_billsections": [],
                }
            )
    return listed


def _section(section: BillSection, event: BillRecordedV1, section_ids: dict[str, UUID]) -> Section:
    environment = event.environment
    contracts = _ids(environment, "service_contract", section.contract_refs)
    usage_ids = {detail.detail_ref: _part(environment, detail.detail_ref) for detail in section.usage_details}
    cost_ids = {detail.detail_ref: _part(environment, detail.detail_ref) for detail in section.cost_details}
    issued_with = {
        other.section_ref
        for other in event.sections
        if other.section_ref != section.section_ref and set(other.contract_refs) & set(section.contract_refs)
    }
    related = dict.fromkeys([*section.related_section_refs, *sorted(issued_with)])
    body: Json = {
        "section_types": list(section.section_types),
        "start_date": section.start_date.isoformat(),
        "end_date": section.end_date.isoformat(),
        "currency": section.currency,
        "distribution_entity": _entity(section.distribution_entity, environment),
        "supply_entity": _entity(section.supply_entity, environment),
        "service_programs": [_program(program, environment) for program in section.service_programs],
        "usage_details": [_usage_detail(detail, usage_ids) for detail in section.usage_details],
        "cost_details": [
            {
                "id": str(cost_ids[detail.detail_ref]),
                "name": detail.name or names.of_cost_detail(detail),
                "types": list(detail.types),
                "cost": detail.cost,
                **detail.additional(),
            }
            for detail in section.cost_details
        ],
        "line_items": [
            _line_item(item, name, environment, usage_ids, cost_ids)
            for item, name in zip(section.line_items, names.of_line_items(section.line_items), strict=True)
        ],
    }
    return Section(
        section_id=section_ids[section.section_ref],
        account_id=resource_id(environment, "account", section.account_ref),
        account_number=section.account_number,
        start_date=section.start_date,
        end_date=section.end_date,
        contract_ids=contracts,
        point_ids=_ids(environment, "service_point", section.servicepoint_refs),
        meter_ids=_ids(environment, "meter_device", section.meter_refs),
        related_ids=_named(related, section_ids, "section"),
        body=body,
    )


def _usage_detail(detail: UsageDetail, ids: dict[str, UUID]) -> Json:
    name = detail.name or names.of_usage_detail(detail)
    body: Json = {"id": str(ids[detail.detail_ref]), "name": name, "types": list(detail.types), "value": detail.value}
    optional: Json = {
        "units": detail.units,
        "start_date": detail.start_date.isoformat() if detail.start_date else None,
        "end_date": detail.end_date.isoformat() if detail.end_date else None,
        "demand_type": detail.demand_type,
        "tou": detail.tou,
        "tier": detail.tier,
        "direction": detail.direction,
        "season": detail.season,
        "start_read": detail.start_read,
        "end_read": detail.end_read,
        "multiplier": detail.multiplier,
    }
    return body | {name: value for name, value in optional.items() if value is not None} | detail.additional()


def _line_item(item: LineItem, name: str, environment: Environment, usage_ids: dict[str, UUID], cost_ids: dict[str, UUID]) -> Json:
    body: Json = {
        "id": str(_part(environment, item.item_ref)),
        "name": name,
        "types": list(item.types),
        "start_date": item.start_date.isoformat(),
        "end_date": item.end_date.isoformat(),
        "cost": item.cost,
        "value": item.value,
        "rate": item.rate,
        "related_usage_details": [str(one) for one in _named(item.usage_detail_refs, usage_ids, "usage detail")],
        "related_cost_details": [str(one) for one in _named(item.cost_detail_refs, cost_ids, "cost detail")],
    }
    return body | ({"units": item.units} if item.units is not None else {}) | item.additional()


def _program(program: Program, environment: Environment) -> Json:
    """A program as it stood in the billing period; members without a value are left out (§10.1.8, §10.2.5)."""
    shown = program.model_dump(mode="json", exclude_none=True, exclude={"balance", "additional_fields"})
    amount = {"balance": program.balance} if program.balance is not None else {}
    return {"id": str(_part(environment, f"program\x1f{program.program_number}"))} | shown | amount | program.additional()


def _entity(entity: Entity | None, environment: Environment) -> Json | None:
    if entity is None:
        return None
    return {"id": str(resource_id(environment, "entity", entity.entity_number))} | entity.model_dump(mode="json")


def _part(environment: Environment, ref: str) -> UUID:
    return resource_id(environment, "part", ref)


def _ids(environment: Environment, kind: Kind, refs: Iterable[str]) -> list[UUID]:
    return [resource_id(environment, kind, ref) for ref in dict.fromkeys(refs)]


def _named(refs: Iterable[str], known: dict[str, UUID], what: str) -> list[UUID]:
    unknown = [ref for ref in refs if ref not in known]
    if unknown:
        raise ValueError(f"the bill has no {what} {unknown[0]!r}")
    return [known[ref] for ref in refs]
