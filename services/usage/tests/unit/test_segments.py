"""Months, clock changes, long intervals and tenants: which segment a row belongs to."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from cds_usage.domain.calendar import Calendar
from cds_usage.domain.segments import ContractTenure, Group, Period, parts_of, periods_of

CALENDAR = Calendar("America/Los_Angeles")
POINT, METER, A, B = uuid4(), uuid4(), UUID(int=1), UUID(int=2)


def group(step: int) -> Group:
    return Group("sandbox", "service_point", POINT, METER, step)


def day(when: date, step: int = 900, periods: list[Period] | None = None, hours: int = 24):
    start, _ = CALENDAR.bounds(when)
    return parts_of(group(step), start, start + hours * 3600, periods or [], CALENDAR)


def test_days_of_a_month_share_a_segment_and_months_do_not() -> None:
    march, also_march, april = day(date(2026, 3, 5))[0], day(date(2026, 3, 31))[0], day(date(2026, 4, 1))[0]
    assert march.segment_id == also_march.segment_id != april.segment_id


@pytest.mark.req("WG3D-181")
def test_daily_values_around_a_clock_change_are_three_segments() -> None:
    before, change = day(date(2026, 3, 7), 86_400)[0], day(date(2026, 3, 8), 82_800, hours=23)[0]
    after, last = day(date(2026, 3, 9), 86_400)[0], day(date(2026, 3, 31), 86_400)[0]
    assert len({before.segment_id, change.segment_id, after.segment_id}) == 3
    assert after.segment_id == last.segment_id


@pytest.mark.req("WG3D-180")
def test_each_billing_month_is_a_segment_of_its_own() -> None:
    start, _ = CALENDAR.bounds(date(2026, 3, 1))
    ids = set()
    for first in (start, start + 28 * 86_400):
        (part,) = parts_of(group(28 * 86_400), first, first + 28 * 86_400, [], CALENDAR)
        assert (part.start, part.end, part.lo, part.hi) == (first, first + 28 * 86_400, first, first + 28 * 86_400)
        ids.add(part.segment_id)
    assert len(ids) == 2


def test_a_new_tenant_begins_a_new_segment() -> None:
    noon = CALENDAR.bounds(date(2026, 3, 5))[0] + 12 * 3600
    periods = periods_of([ContractTenure(A, None, None, noon), ContractTenure(B, None, noon, None)])
    old, new = day(date(2026, 3, 5), periods=periods)
    assert (old.period.contract_ids, new.period.contract_ids) == ((A,), (B,))
    assert old.end == new.start == noon
    assert (old.hi, new.lo) == (noon, noon)
    assert day(date(2026, 3, 6), periods=periods)[0].segment_id == new.segment_id != old.segment_id


def test_a_whole_month_keeps_its_id_when_the_contract_becomes_known() -> None:
    start, _ = CALENDAR.bounds(date(2025, 1, 1))
    periods = periods_of([ContractTenure(A, None, start, None)])
    assert day(date(2026, 3, 5), periods=periods)[0].segment_id == day(date(2026, 3, 5))[0].segment_id


def test_periods_cover_all_time_and_join_where_nothing_changes() -> None:
    periods = periods_of([ContractTenure(A, None, 100, 200), ContractTenure(A, None, 200, 300), ContractTenure(B, None, 250, None)])
    assert [(period.start, period.end, period.contract_ids) for period in periods] == [
        (None, 100, ()), (100, 250, (A,)), (250, 300, (A, B)), (300, None, (B,)),
    ]  # fmt: skip


def test_no_contract_is_one_period_of_all_time() -> None:
    assert periods_of([]) == [Period(None, None)]
