"""The demo utility is believable and always the same."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from cds_cli.demo_utility.calendar import quarters
from cds_cli.demo_utility.generate import events
from cds_common.events.utility import BillRecordedV1, ReadingsRecordedV1, UtilityEvent

UNTIL = date(2026, 1, 1)


@pytest.fixture(scope="module")
def utility() -> list[UtilityEvent]:
    return list(events(UNTIL))


def test_a_later_day_only_adds(utility: list[UtilityEvent]) -> None:
    later = {event.event_id: event for event in events(date(2026, 2, 1))}
    assert all(later[event.event_id] == event for event in utility)
    assert len(later) > len(utility)


def test_no_two_facts_share_an_id(utility: list[UtilityEvent]) -> None:
    assert Counter(event.event_id for event in utility).most_common(1)[0][1] == 1


def test_days_of_clock_change_have_23_and_25_hours() -> None:
    assert [quarters(day) for day in (date(2025, 3, 9), date(2025, 11, 2), date(2025, 6, 1))] == [92, 100, 96]


def test_bills_add_up_to_the_cent(utility: list[UtilityEvent]) -> None:
    bills = [event for event in utility if isinstance(event, BillRecordedV1)]
    assert bills
    for bill in bills:
        assert bill.previous_balance_unpaid is not None
        assert bill.new_charges
        counted = sum((charge.amount for charge in bill.new_charges if charge.included_in_amount_due), Decimal(0))
        if bill.amount_due_difference_reason is None:
            assert bill.previous_balance_unpaid + counted == bill.amount_due
        for section in bill.sections:
            assert sum((item.cost for item in section.line_items), Decimal(0)) == section.cost_details[0].cost


def test_the_bills_usage_is_the_sum_of_the_readings(utility: list[UtilityEvent]) -> None:
    readings = [event for event in utility if isinstance(event, ReadingsRecordedV1) and event.servicepoint_ref == "SP-330-501"]
    october = [event for event in readings if (event.start.year, event.start.month) == (2025, 10)]
    (block,) = october
    measured = Decimal(sum(value or 0 for value in block.values)).scaleb(-3)

    bill = next(
        e for e in utility if isinstance(e, BillRecordedV1) and e.account_number == "66-0500" and e.statement_date == date(2025, 11, 1)
    )

    assert bill.sections[0].usage_details[0].value == measured


def test_power_to_the_grid_is_negative(utility: list[UtilityEvent]) -> None:
    exported = [
        value for event in utility if isinstance(event, ReadingsRecordedV1) and event.shape.direction == "reverse" for value in event.values
    ]  # fmt: skip
    assert min(value or 0 for value in exported) < -500
    assert max(value or 0 for value in exported) == 0
