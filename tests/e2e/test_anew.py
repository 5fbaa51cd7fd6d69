"""A data service's store can be made again from its topics: same ids, same values, and Grants that exist go on working."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cds_cli.journey.story import Story
from cds_cli.rebuilding import rebuild_store
from cds_common.events.utility import AccountRecordedV1, AggregationRecordedV1
from cds_local.stack import LocalStack
from tests.e2e.support import LISTINGS, SINCE, energy, household, listing, query, readings, scalar, send, settles

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("whole")]

BOOKKEEPING = {"cds_created", "cds_modified", "cds_synced"}
"""When this store learned of the object, which a new store learns anew."""
FIRST = date(2026, 2, 1)
IDS = {
    "accounts": "cds_account_id", "service_contracts": "cds_servicecontract_id", "service_points": "cds_servicepoint_id",
    "meter_devices": "cds_meterdevice_id", "bill_statements": "cds_billstatement_id", "bill_sections": "cds_billsection_id",
    "aggregations": "cds_aggregation_id", "usage_segments": "cds_usagesegment_id",
}  # fmt: skip
OF_SERVICE = {
    "accounts": ("accounts", "service_contracts", "service_points", "meter_devices"),
    "billing": ("bill_statements", "bill_sections"),
    "usage": ("usage_segments",),
    "aggregation": ("aggregations",),
}


def _facts(value: Any) -> Any:
    """An object without its bookkeeping; the order inside lists stays."""
    if isinstance(value, dict):
        return {name: _facts(member) for name, member in value.items() if name not in BOOKKEEPING}
    if isinstance(value, list):
        return [_facts(member) for member in value]
    return value


def _answers(reader: Story, tokens: Mapping[str, str], service: str) -> dict[str, dict[str, Any]]:
    return {
        key: {str(one[IDS[key]]): _facts(one) for one in listing(reader, key, tokens[key])} for key in OF_SERVICE[service]
    }  # fmt: skip


@pytest.fixture(scope="module")
def tokens(reader: Story) -> dict[str, str]:
    """One token for each listing, over customers of the demo utility; their Grants exist before anything is rebuilt."""
    homes = {"account_numbers": ["88-1203", "77-0002", "66-0410"]}
    chosen = {
        "accounts": ("cds_query_accounts", homes | {"include_account_numbers": True, "include_account_details": True}),
        "service_contracts": ("cds_query_service_contracts", homes | {"include_contract_numbers": True}),
        "service_points": ("cds_query_service_points", homes),
        "meter_devices": ("cds_query_meter_devices", homes | {"include_meter_numbers": True}),
        "bill_statements": ("cds_query_bill_statements", homes),
        "bill_sections": ("cds_query_bill_sections", homes),
        "aggregations": ("cds_query_aggregations", {"aggregation_numbers": ["LANTERN-COURT"]}),
        "usage_segments": ("cds_query_usage", homes | {"segment_start": "P3Y"}),
    }
    return {key: query(reader, scope_type, **fields) for key, (scope_type, fields) in chosen.items()}


def _rebuilt(stack: LocalStack, reader: Story, tokens: Mapping[str, str], service: str) -> None:
    """Make the store of `service` anew: it gives the same answers."""
    # Sums of what was loaded just now may still be on their way.
    settles(0, lambda: int(scalar(stack, "aggregation", "SELECT count(*) FROM dirty_day")), 120)
    before = _answers(reader, tokens, service)
    assert all(before.values()), f"nothing to compare: { {key: len(found) for key, found in before.items()} }"

    rebuild_store(stack, service)

    # What follows from several topics settles when the last of them is read.
    settles(before, lambda: _answers(reader, tokens, service), 120)


@pytest.mark.parametrize("service", ["billing", "aggregation"])
def test_a_rebuilt_store_gives_the_same_answers(stack: LocalStack, reader: Story, tokens: dict[str, str], service: str) -> None:
    _rebuilt(stack, reader, tokens, service)


def test_changes_after_a_rebuild_of_accounts_reach_every_service(stack: LocalStack, reader: Story, tokens: dict[str, str]) -> None:
    send(stack, [*household("RB-1"), readings("RB-1", FIRST, [100] * 96)])
    usage = query(reader, "cds_query_usage", account_numbers=["RB-1", "RB-2"], segment_start="P3Y")
    settles((96, Decimal("9.600")), lambda: energy(listing(reader, "usage_segments", usage)))

    # The Grant's entitlements changed several times before: the second home comes, changes its number, and comes back.
    send(stack, household("RB-2"))
    for step, number in enumerate(("RB-2x", "RB-2y", "RB-2z"), start=1):
        renumbered = AccountRecordedV1(
            environment="sandbox", source_time=SINCE + timedelta(days=step), account_ref="AC-RB-2", customer_refs=["C-RB-2"],
            account_number=number, account_types=["customer", "residential"],
        )  # fmt: skip
        send(stack, [renumbered])
    send(stack, [readings("RB-2", FIRST, [200] * 96)])

    _rebuilt(stack, reader, tokens, "accounts")

    # Only now does the second home have the number that the Grant asks for.
    back = AccountRecordedV1(
        environment="sandbox", source_time=datetime.now(UTC), account_ref="AC-RB-2", customer_refs=["C-RB-2"], account_number="RB-2",
        account_types=["customer", "residential"],
    )  # fmt: skip
    send(stack, [back])
    settles((192, Decimal("28.800")), lambda: energy(listing(reader, "usage_segments", usage)))


def test_what_is_not_a_data_service_is_not_rebuilt() -> None:
    from cds_cli.rebuilding import REBUILT

    assert set(REBUILT) == set(OF_SERVICE)
    assert set(LISTINGS) == {key for keys in OF_SERVICE.values() for key in keys}


def test_corrections_after_a_rebuild_of_usage_reach_the_sums(stack: LocalStack, reader: Story, tokens: dict[str, str]) -> None:
    numbers = [f"RB-U{n:02d}" for n in range(16)]
    block = AggregationRecordedV1(
        environment="sandbox", source_time=SINCE, aggregation_ref="AGG-RB", aggregation_number="RB-BLOCK", name="Block of sixteen",
        aggregation_types=["confidential", "building"], servicepoint_refs=[f"SP-{number}" for number in numbers],
    )  # fmt: skip
    send(stack, [*(event for number in numbers for event in household(number)), block])
    send(stack, [readings(number, FIRST, [100] * 96) for number in numbers])
    token = query(reader, "cds_query_usage", aggregation_numbers=["RB-BLOCK"], include_aggregations=True, segment_start="P3Y")
    settles((96, Decimal("153.600")), lambda: energy(listing(reader, "usage_segments", token)))

    _rebuilt(stack, reader, tokens, "usage")

    # One home of sixteen used 0.200 instead of 0.100 kWh in each quarter hour.
    send(stack, [readings(numbers[3], FIRST, [200] * 96, at=SINCE + timedelta(days=500))])
    settles((96, Decimal("163.200")), lambda: energy(listing(reader, "usage_segments", token)))
