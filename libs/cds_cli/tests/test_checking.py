"""The checks of `cds check-data` pass over data that holds together and find what does not."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from cds_cli.checking import amounts, relations
from cds_cli.checking.invariants import CHECKS
from cds_cli.checking.reading import LISTINGS, Seen

Json = dict[str, Any]
ENTITY = {"entity_name": "Harbor", "entity_number": "HLP"}
BILLED = Decimal("7.5")


def a_segment(**changes: Any) -> Json:
    columns = ((("forward", "3.5"), ("reverse", "-1.0"), ("net", "2.5")), (("forward", "4.0"), ("reverse", "0.0"), ("net", "4.0")))
    segment: Json = {
        "cds_usagesegment_id": "u1", "related_aggregations": [], "related_accounts": ["a1"], "related_servicecontracts": ["c1"],
        "related_servicepoints": ["p1"], "related_meterdevices": ["m1"], "related_billsections": ["s1"],
        "segment_start": "2026-01-01T08:00:00Z", "segment_end": "2026-01-02T08:00:00Z", "interval": 900,
        "formats": [{"id": way, "type": "electric_usage", "direction": way} for way in ("forward", "reverse", "net")]
        + [{"id": "mix", "type": "electric_supply_mix"}],
        "values": [[*({"eu": Decimal(value)} for _, value in row), {"sm": Decimal(1), "eacs": ["e1"]}] for row in columns],
    }  # fmt: skip
    return segment | changes


def the_data() -> Seen:
    """One parent with one child, a contract, a bill of one day, and its usage."""
    section: Json = {
        "cds_billsection_id": "s1", "cds_billstatement_id": "b1", "cds_account_id": "a1", "section_types": ["sub_account"],
        "related_servicecontracts": ["c1"], "related_servicepoints": ["p1"], "related_meterdevices": ["m1"], "related_billsections": [],
        "distribution_entity": ENTITY, "cost_details": [{"types": ["overall_total"], "cost": Decimal("9.10")}],
        "usage_details": [{"types": ["electric_usage"], "value": BILLED, "start_date": "2026-01-01", "end_date": "2026-01-01"}],
        "line_items": [{"cost": Decimal("10.10")}, {"cost": Decimal("-1.00")}],
    }  # fmt: skip
    charge = {"id": "n1", "amount": Decimal("9.10"), "included_in_amount_due": True, "related_billsections": ["s1"]}
    group = {f"grouped_{name}": [] for name in ("accounts", "servicecontracts", "meterdevices", "aggregations")}
    objects: dict[str, list[Json]] = {
        "accounts": [
            {"cds_account_id": "a0", "cds_account_parent": None, "account_types": ["parent"]},
            {"cds_account_id": "a1", "cds_account_parent": "a0", "account_types": ["child"], "account_entity": ENTITY},
        ],
        "service_contracts": [{"cds_servicecontract_id": "c1", "cds_account_id": "a1", "contract_entity": ENTITY}],
        "service_points": [{"cds_servicepoint_id": "p1", "current_servicecontracts": ["c1"], "previous_servicecontracts": []}],
        "meter_devices": [
            {"cds_meterdevice_id": "m1", "current_servicepoints": ["p1"], "previous_servicepoints": [], "meter_types": ["bidirectional"]}
        ],
        "bill_statements": [
            {"cds_billstatement_id": "b1", "cds_account_id": "a0", "previous_balance_unpaid": Decimal("1.00"), "new_charges": [charge],
             "amount_due": Decimal("10.10")},
        ],
        "bill_sections": [section],
        "aggregations": [
            {"cds_aggregation_id": "g1", "grouped_servicepoints": ["p1"], "consent_requirements": [{"types": ["always"]}], **group}
        ],
        "usage_segments": [a_segment()],
        "eacs": [{"cds_eac_id": "e1", "beneficiary_type": "account", "beneficiaries": ["a1"]}],
    }  # fmt: skip
    assert objects.keys() == LISTINGS.keys()
    return Seen(objects, [ENTITY], "America/Los_Angeles")


OWN = [name for name in CHECKS if name != "objects are valid"]


@pytest.mark.parametrize("check", OWN)
def test_data_that_holds_together_has_no_faults(check: str) -> None:
    assert list(CHECKS[check](the_data())) == []


def test_what_was_billed_is_compared_with_the_meters() -> None:
    assert amounts.compared(the_data()) == 1


def _change(key: str, **members: Any) -> Callable[[dict[str, list[Json]]], None]:
    return lambda objects: objects[key][-1].update(members)


def _cell(row: int, column: int, **members: Any) -> Callable[[dict[str, list[Json]]], None]:
    return lambda objects: objects["usage_segments"][0]["values"][row][column].update(members)


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("no object stands twice", lambda objects: objects["eacs"].append(dict(objects["eacs"][0]))),
        *(("ids lead somewhere", _change(key, **{field: ["x9"]})) for key, field, _ in relations.RELATIONS),
        ("ids lead somewhere", lambda objects: objects["bill_statements"][0]["new_charges"][0].update(related_billsections=["x9"])),
        ("ids lead somewhere", _change("eacs", beneficiaries=["a1", "x9"])),
        ("sections are on their own account's statement", _change("bill_statements", cds_account_id="a9")),
        ("sections are on their own account's statement", _change("bill_statements", cds_account_id="a1")),
        ("parents and children agree", _change("accounts", account_types=["customer"])),
        ("parents and children agree", lambda objects: objects["accounts"][0].update(account_types=["customer"])),
        ("entities have the number of their coverage", _change("service_contracts", contract_entity=ENTITY | {"entity_number": "7"})),
        ("groups are short and hide their members", _change("usage_segments", related_aggregations=["g1"])),
        ("groups are short and hide their members", _change("aggregations", grouped_servicepoints=["p1"] * 1001)),
        ("certificates are those of the segment", _change("eacs", beneficiaries=["a0"])),
        ("certificates are those of the segment", lambda objects: objects["eacs"].clear()),
        ("bills add up", _change("bill_statements", amount_due=Decimal("10.11"))),
        ("bills add up", _change("bill_sections", line_items=[{"cost": Decimal("9.11")}])),
        ("bills add up", lambda objects: objects["bill_statements"][0]["new_charges"][0].update(amount=Decimal("9.00"))),
        ("bills agree with the meters", _cell(0, 0, eu=Decimal("3.6"))),
        ("values fit meters and directions", _cell(0, 1, eu=Decimal("1.0"))),
        ("values fit meters and directions", _cell(1, 2, eu=Decimal("4.1"))),
        ("values fit meters and directions", _change("meter_devices", meter_types=["forward_only"])),
        ("values fit meters and directions", _change("meter_devices", meter_types=["reverse_only"])),
        ("values fit meters and directions", lambda objects: objects["usage_segments"][0]["formats"][0].pop("direction")),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_found(check: str, change: Callable[[dict[str, list[Json]]], None]) -> None:
    seen = the_data()
    objects = deepcopy({key: list(held) for key, held in seen.objects.items()})
    change(objects)
    assert list(CHECKS[check](Seen(objects, seen.coverage, seen.timezone)))
