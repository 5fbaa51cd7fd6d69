"""Small bills that show only what matters."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from cds_common.events.utility import BillRecordedV1
from cds_common.ids import Kind, resource_id

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ISSUED = datetime(2026, 2, 1, 14, tzinfo=UTC)
TOTALS: Any = ["overall_total"]


def the_id(kind: Kind, ref: str) -> UUID:
    return resource_id("sandbox", kind, ref)


def a_section(ref: str = "s1", contract: str | None = "c1", **members: Any) -> dict[str, Any]:
    return {
        "section_ref": ref,
        "account_ref": "a1",
        "account_number": "88-1203",
        "section_types": ["service_contract", "electric"],
        "start_date": date(2026, 1, 1),
        "end_date": date(2026, 1, 31),
        "currency": "USD",
        "contract_refs": [contract] if contract else [],
        "servicepoint_refs": ["p1"],
        "meter_refs": ["m1"],
        "usage_details": [
            {"detail_ref": f"{ref}-u", "name": "Electricity used", "types": ["electric_usage"], "value": Decimal("310.500"), "units": "kWh",
             "start_date": date(2026, 1, 1), "end_date": date(2026, 1, 31)},
        ],
        "cost_details": [{"detail_ref": f"{ref}-c", "name": "Total", "types": TOTALS, "cost": Decimal("61.10")}],
        "line_items": [
            {"item_ref": f"{ref}-l", "name": "Energy", "types": ["usage_charge"], "start_date": date(2026, 1, 1),
             "end_date": date(2026, 1, 31), "cost": Decimal("61.10"), "value": Decimal("310.500"), "units": "kWh",
             "rate": Decimal("0.1968"), "usage_detail_refs": [f"{ref}-u"], "cost_detail_refs": [f"{ref}-c"]},
        ],
    } | members  # fmt: skip


def a_bill(*sections: dict[str, Any], **members: Any) -> BillRecordedV1:
    listed = list(sections) or [a_section()]
    return BillRecordedV1.model_validate(
        {
            "environment": "sandbox",
            "source_time": ISSUED,
            "statement_ref": "b1",
            "account_ref": "a1",
            "account_number": "88-1203",
            "statement_date": date(2026, 2, 1),
            "currency": "USD",
            "previous_balance_amount": Decimal("50.00"),
            "previous_balance_paid": Decimal("50.00"),
            "previous_balance_unpaid": Decimal("0.00"),
            "new_charges_amount": Decimal("61.10"),
            "new_charges": [
                {"charge_ref": "n1", "name": "Electricity", "types": ["electric_total"], "amount": Decimal("61.10"),
                 "included_in_amount_due": True, "section_refs": [listed[0]["section_ref"]]},
            ],
            "new_balance_amount": Decimal("61.10"),
            "amount_due": Decimal("61.10"),
            "amount_due_date": date(2026, 2, 22),
            "sections": listed,
        }
        | members
    )  # fmt: skip
