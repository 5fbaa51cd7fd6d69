"""Messages of a small utility; each test says only what matters to it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from cds_common.events.grants import GrantEntry, GrantPublishedV1, Selection
from cds_common.events.utility import (
    AccountRecordedV1,
    ContractRecordedV1,
    CustomerRecordedV1,
    MeterPlacement,
    MeterRecordedV1,
    Program,
    ServicePointRecordedV1,
)
from cds_common.ids import Environment, Kind, resource_id

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def rid(kind: Kind, ref: str, environment: Environment = "sandbox") -> UUID:
    return resource_id(environment, kind, ref)


def a_customer(ref: str = "anna", **changes: Any) -> CustomerRecordedV1:
    members: dict[str, Any] = {"environment": "sandbox", "source_time": T0, "customer_ref": ref, "name": ref.title(), "login_name": ref}
    return CustomerRecordedV1(**(members | changes))


def an_account(ref: str = "A1", *customers: str, **changes: Any) -> AccountRecordedV1:
    members: dict[str, Any] = {
        "environment": "sandbox", "source_time": T0, "account_ref": ref, "customer_refs": list(customers) or ["anna"],
        "account_number": f"No-{ref}", "account_types": ["customer", "residential"],
    }  # fmt: skip
    return AccountRecordedV1(**(members | changes))


def a_contract(ref: str = "C1", account: str = "A1", **changes: Any) -> ContractRecordedV1:
    members: dict[str, Any] = {
        "environment": "sandbox", "source_time": T0, "contract_ref": ref, "account_ref": account, "contract_number": f"No-{ref}",
        "contract_types": ["utility_service"], "contract_start": date(2025, 1, 1), "service_types": ["electric", "residential"],
        "rateplan_code": "RES-1", "rateplan_name": "Residential",
    }  # fmt: skip
    return ContractRecordedV1(**(members | changes))


def a_point(ref: str = "P1", *current: str, previous: tuple[str, ...] = (), **changes: Any) -> ServicePointRecordedV1:
    members: dict[str, Any] = {
        "environment": "sandbox", "source_time": T0, "servicepoint_ref": ref, "servicepoint_number": f"No-{ref}",
        "servicepoint_types": ["electric", "physical"], "current_contract_refs": list(current), "previous_contract_refs": list(previous),
    }  # fmt: skip
    return ServicePointRecordedV1(**(members | changes))


def placed(point: str, start: datetime = T0 - 300 * DAY, end: datetime | None = None) -> MeterPlacement:
    return MeterPlacement(servicepoint_ref=point, start=start, end=end)


def a_meter(ref: str = "M1", *placements: MeterPlacement, **changes: Any) -> MeterRecordedV1:
    members: dict[str, Any] = {
        "environment": "sandbox", "source_time": T0, "meter_ref": ref, "meter_number": f"No-{ref}", "meter_types": ["electric_usage"],
        "placements": list(placements) or [placed("P1")],
    }  # fmt: skip
    return MeterRecordedV1(**(members | changes))


def a_program(number: str = "DR-1", *types: str, **changes: Any) -> Program:
    members: dict[str, Any] = {
        "program_number": number, "types": list(types) or ["active"], "name": f"Program {number}", "description": "A program",
        "documentation": "https://utility.example/programs",
    }  # fmt: skip
    return Program(**(members | changes))


def a_home(name: str = "1", customer: str = "anna") -> list[Any]:
    """An account with one contract, one point and one meter: A<name>, C<name>, P<name>, M<name>."""
    return [
        an_account(f"A{name}", customer), a_contract(f"C{name}", f"A{name}"), a_point(f"P{name}", f"C{name}"),
        a_meter(f"M{name}", placed(f"P{name}")),
    ]  # fmt: skip


def an_entry(
    selected: Selection | None = None, *, scope_type: str = "cds_usage", entry_no: int = 0, enabled: bool = True, permission: Any = None,
    **details: Any,
) -> GrantEntry:  # fmt: skip
    return GrantEntry(
        entry_no=entry_no, scope=f"{scope_type}_1", scope_type=scope_type, details=details, selection=selected, permission=permission,
        enabled=enabled,
    )  # fmt: skip


def ticked(kind: Any, *ids: UUID, **others: Any) -> Selection:
    return Selection(kind=kind, ids=list(ids), **others)


def a_grant(*entries: GrantEntry, customers: tuple[str, ...] = ("anna",), **changes: Any) -> GrantPublishedV1:
    version = changes.get("version", 1)
    members: dict[str, Any] = {
        "grant_id": "grant-1", "version": version, "entries_version": version, "client_id": "client-1", "registration_id": "registration-1",
        "environment": "sandbox", "customer_ids": [rid("customer", one) for one in customers], "status": "active", "created": T0,
        "enabled_scope": " ".join(entry.scope for entry in entries), "entries": list(entries),
    }  # fmt: skip
    return GrantPublishedV1(**(members | changes))
