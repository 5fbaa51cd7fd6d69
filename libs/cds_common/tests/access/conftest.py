"""The specification's fixture and vectors, and its customer K1 as published snapshots with times that fit the fixture's words."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from cds_common.access.relations import Relations
from cds_common.events.resources import ResourcePublishedV1, Tenure
from cds_common.events.values import AggregationPublishedV1

SPEC = Path(__file__).parents[4] / "tests" / "conformance" / "spec"
FIELDS_FILE: dict[str, Any] = json.loads((SPEC / "auth-details-fields.json").read_text())
VECTORS: dict[str, Any] = FIELDS_FILE["test_vectors"]
FIXTURE: dict[str, Any] = FIELDS_FILE["fixture"]
NOW = datetime(2024, 2, 1, tzinfo=UTC)
# The fixture gives no dates. C1 left P3 in 2020; M3 was at P1 until 2019 and came to P3 in 2021.
_PAST = {("P3", "C1"): (None, datetime(2020, 1, 1, tzinfo=UTC)), ("M3", "P1"): (None, datetime(2019, 1, 1, tzinfo=UTC))}
_SINCE = {("P3", "C3"): datetime(2020, 1, 1, tzinfo=UTC), ("M3", "P3"): datetime(2021, 1, 1, tzinfo=UTC),
          ("P1", "C1"): datetime(2020, 1, 1, tzinfo=UTC)}  # fmt: skip


def uid(name: str) -> UUID:
    return uuid5(UUID(int=7), name)


NAMES = {uid(name): name for name in ("K1", "AP", "A1", "A2", "C1", "C2", "C3", "C4", "P1", "P2", "P3", "M1", "M2", "M3", "G1", "G2")}
K1 = uid("K1")


def _links(holder: str, current: list[str], previous: list[str]) -> list[Tenure]:
    now = [Tenure(id=uid(each), start=_SINCE.get((holder, each))) for each in current]
    return now + [Tenure(id=uid(each), start=_PAST[holder, each][0], end=_PAST[holder, each][1]) for each in previous]


def resource(kind: str, name: str, **members: Any) -> ResourcePublishedV1:
    return ResourcePublishedV1.model_validate(
        {"kind": kind, "resource_id": uid(name), "ref": name, "version": 1, "environment": "sandbox", "customer_ids": [K1], **members}
    )


def _resources() -> list[ResourcePublishedV1]:
    found = [
        resource("account", each["cds_account_id"], number=each["account_number"], customer_number=each["customer_number"],
                 parent_account_id=uid(each["cds_account_parent"]) if each["cds_account_parent"] else None,
                 account_ids=[uid(each["cds_account_id"])], address=each["account_address"], program_numbers=each["account_programs"])
        for each in FIXTURE["accounts"]
    ]  # fmt: skip
    found += [
        resource("service_contract", each["cds_servicecontract_id"], number=each["contract_number"],
                 account_ids=[uid(each["cds_account_id"])], types=each["service_types"], program_numbers=each["service_programs"],
                 rateplan_code=each["rateplan_code"], address=each["contract_address"])
        for each in FIXTURE["service_contracts"]
    ]  # fmt: skip
    for each in FIXTURE["service_points"]:
        name = each["cds_servicepoint_id"]
        found.append(
            resource("service_point", name, number=each["servicepoint_number"], types=each["servicepoint_types"],
                     premise_numbers=each["premises"], address=each["servicepoint_address"],
                     current_contract_ids=[uid(c) for c in each["current_servicecontracts"]],
                     contracts=_links(name, each["current_servicecontracts"], each["previous_servicecontracts"]))
        )  # fmt: skip
    for each in FIXTURE["meter_devices"]:
        name = each["cds_meterdevice_id"]
        found.append(
            resource("meter_device", name, number=each["meter_number"], types=each["meter_types"], app_numbers=each["meter_apps"],
                     service_points=_links(name, each["current_servicepoints"], each["previous_servicepoints"]))
        )  # fmt: skip
    return found


def _aggregations() -> list[AggregationPublishedV1]:
    return [
        AggregationPublishedV1(
            environment="sandbox", aggregation_id=uid(each["cds_aggregation_id"]), ref=each["cds_aggregation_id"], version=1,
            aggregation_number=each["aggregation_number"], name="", aggregation_types=["building"], member_count=1,
            addresses=each["grouped_addresses"], service_point_ids=[uid(p) for p in each["grouped_servicepoints"]],
            member_aggregation_ids=[uid(g) for g in each["grouped_aggregations"]], consent_requirement="always",
        )
        for each in FIXTURE["aggregations"]
    ]  # fmt: skip


@pytest.fixture(scope="session")
def k1() -> Relations:
    """Customer K1 of the fixture."""
    return Relations.of(_resources(), _aggregations(), at=NOW)


def names(ids: Any) -> list[str]:
    return sorted(NAMES[each] for each in ids)
