"""Exact sums, holes, and groups that are too small on a day."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from cds_aggregation.domain.sums import MemberDays, Quorum, Span, scaled, sum_days, summed_shape

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
TWO = Quorum(expected=2, smallest=1)


def day(member: UUID, *values: int | None, first: int = 0, decimals: int = 0) -> MemberDays:
    return MemberDays([member], first * 900, decimals, [values])


def test_values_of_all_members_are_added_exactly() -> None:
    total = sum_days([day(A, 15, -2, decimals=1), day(B, 1001, 3, decimals=3)], 900, TWO)
    assert total is not None
    assert (total.decimals, total.values) == (3, (2501, -197))


def test_a_hole_of_one_member_is_a_hole_of_the_sum() -> None:
    total = sum_days([day(A, 1, 2, None), day(B, 1, None, 5)], 900, TWO)
    assert total is not None
    assert total.values == (2, None, None)


def test_slots_that_only_one_member_reports_are_holes() -> None:
    total = sum_days([day(A, 1, 2, first=0), day(B, 10, 20, first=1)], 900, TWO)
    assert total is not None
    assert (total.first, total.values) == (0, (None, 12, None))


def test_columns_of_one_member_fill_each_other() -> None:
    peak, off_peak = day(A, None, 7), day(A, 3, None)
    total = sum_days([peak, off_peak, day(B, 1, 1)], 900, TWO)
    assert total is not None
    assert total.values == (4, 8)


def test_a_member_that_is_waited_for_leaves_the_day_open() -> None:
    total = sum_days([day(A, 1), day(B, 2)], 900, Quorum(expected=3, smallest=1))
    assert total is not None
    assert total.values == (None,)


def test_a_day_of_few_members_is_shown_only_where_it_covers_every_customer() -> None:
    """Before the other members' first day the sum would be one household's usage."""
    homes = [frozenset({A}), frozenset({B, C})]
    few = Quorum(expected=1, smallest=5, required=homes)
    assert sum_days([day(A, 1)], 900, few).values == (None,)  # type: ignore[union-attr]
    assert sum_days([day(A, 1), day(C, 2)], 900, few).values == (3,)  # type: ignore[union-attr]
    assert sum_days([day(A, 1)], 900, Quorum(expected=1, smallest=5)).values == (None,)  # type: ignore[union-attr]
    assert sum_days([day(A, 1)], 900, Quorum(expected=1, smallest=1)).values == (1,)  # type: ignore[union-attr]


def test_no_day_has_no_sum() -> None:
    assert sum_days([], 900, TWO) is None


def test_very_large_sums_do_not_overflow() -> None:
    total = sum_days([day(A, 10**18), day(B, 10**18, decimals=12)], 900, TWO)
    assert total is not None
    assert total.values == (10**30 + 10**18,)


def plainly(days: list[MemberDays], step: int, quorum: Quorum) -> dict[int, Decimal | None]:
    """The same rules, slot by slot and slowly: moment -> sum."""
    moments = range(min(day.first for day in days), max(day.first + len(row) * step for day in days for row in day.rows), step)
    found = dict[int, Decimal | None]()
    for moment in moments:
        there = [
            (member, Decimal(value).scaleb(-day.decimals))
            for day in days
            for member, row in zip(day.member_ids, day.rows, strict=True)
            for slot, value in enumerate(row)
            if day.first + slot * step == moment and value is not None
        ]
        seen = {member for member, _ in there}
        found[moment] = (
            sum((value for _, value in there), Decimal(0))
            if quorum.allows(seen, len({member for day in days for member in day.member_ids}))
            else None
        )
    return found


MEMBERS = [A, B, C]
VALUES = st.none() | st.integers(-(10**6), 10**20)
DAYS = st.lists(
    st.builds(
        lambda rows, first, decimals: MemberDays([member for member, _ in rows], first * 900, decimals, [values for _, values in rows]),
        st.lists(st.tuples(st.sampled_from(MEMBERS), st.lists(VALUES, min_size=1, max_size=4)), min_size=1, max_size=4),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=3,
)
QUORUMS = st.builds(
    Quorum, st.integers(0, 3), st.integers(1, 4), st.lists(st.sets(st.sampled_from(MEMBERS), min_size=1).map(frozenset), max_size=2)
)


@given(DAYS, QUORUMS)
def test_sums_are_those_of_the_plain_rules(days: list[MemberDays], quorum: Quorum) -> None:
    total = sum_days(days, 900, quorum)
    assert total is not None
    assert {
        total.first + slot * 900: None if value is None else Decimal(value).scaleb(-total.decimals)
        for slot, value in enumerate(total.values)
    } == plainly(days, 900, quorum)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-(10**9), 10**9)), min_size=1, max_size=20))
def test_mixed_digits_are_brought_to_the_largest_number_of_digits(pairs: list[tuple[int, int]]) -> None:
    most, values = scaled([value for _, value in pairs], [digits for digits, _ in pairs])
    assert most == max(digits for digits, _ in pairs)
    assert [value * 10**digits for value, (digits, _) in zip(values, pairs, strict=True)] == [  # type: ignore[operator]
        value * 10**most for _, value in pairs
    ]


def test_what_does_not_add_up_is_not_summed() -> None:
    assert summed_shape({"value_type": "meter_readings", "units": "kWh"}) is None
    assert summed_shape({"value_type": "electric_demand", "units": "kW", "demand_type": "peak"}) is None
    assert summed_shape({"value_type": "electric_supply_mix"}) is None
    assert summed_shape({"value_type": "electric_demand", "units": "kW", "demand_type": "average"}) == {
        "value_type": "electric_demand", "units": "kW", "demand_type": "average",
    }  # fmt: skip


def test_time_of_use_is_not_part_of_a_summed_shape() -> None:
    assert summed_shape({"value_type": "electric_usage", "units": "kWh", "tou": "peak", "season": "none", "direction": None}) == {
        "value_type": "electric_usage", "units": "kWh",
    }  # fmt: skip


def test_a_member_belongs_to_its_days_and_a_week_beyond() -> None:
    span = Span(date(2026, 3, 5), date(2026, 3, 10))
    assert [span.expects(date(2026, 3, number)) for number in (4, 5, 10, 17, 18)] == [False, True, True, True, False]
