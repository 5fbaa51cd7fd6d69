"""The threshold rule: customers, shares, differences."""

from decimal import Decimal
from uuid import UUID

import pytest

from cds_aggregation.domain.membership import divide, members_of, needs_division
from cds_aggregation.domain.privacy import Group, Thresholds, evaluate

RULE = Thresholds(min_customers=3, max_share=Decimal("0.5"))
IDS = [UUID(int=number) for number in range(1, 20)]


def a_group(*amounts: int, customers: int | None = None, known: bool = True) -> Group:
    """One point and one customer per amount."""
    people = IDS[: len(amounts) if customers is None else customers]
    return Group(
        UUID(int=99), frozenset(IDS[: len(amounts)]), frozenset(people), {1: dict(zip(IDS, map(Decimal, amounts), strict=False))}, known
    )


@pytest.mark.req("WG3D-166")
def test_the_limits_themselves_are_met_and_just_below_they_are_not() -> None:
    assert evaluate(a_group(5, 3, 2), RULE, []) == "never"
    assert evaluate(a_group(5, 3, 1), RULE, []) == "always"
    assert evaluate(a_group(4, 4, 4, customers=2), RULE, []) == "always"


def test_every_kind_of_value_has_to_meet_the_share() -> None:
    group = a_group(3, 3, 3)
    gas = Group(
        group.aggregation_id, group.members, group.customers, {**group.totals, 2: {IDS[0]: Decimal(10), IDS[1]: Decimal(1)}}, all_known=True
    )
    assert evaluate(gas, RULE, []) == "always"


@pytest.mark.req("WG3D-165")
def test_without_values_or_with_unknown_points_nothing_is_decided() -> None:
    assert evaluate(a_group(0, 0, 0), RULE, []) == "sometimes"
    assert evaluate(a_group(3, 3, 3, known=False), RULE, []) == "sometimes"
    assert evaluate(Group(UUID(int=99), frozenset(), frozenset(), {}, all_known=True), RULE, []) == "sometimes"


def test_points_without_a_customer_count_for_the_whole_but_for_nobody() -> None:
    totals = {1: {None: Decimal(100), IDS[0]: Decimal(3), IDS[1]: Decimal(3), IDS[2]: Decimal(3)}}
    assert evaluate(Group(UUID(int=99), frozenset(IDS[:4]), frozenset(IDS[:3]), totals, all_known=True), RULE, []) == "never"


def test_a_difference_to_another_group_that_is_too_small_would_show_it() -> None:
    group = a_group(3, 3, 3, 3)
    assert evaluate(group, RULE, [frozenset(IDS[:5])]) == "always"
    assert evaluate(group, RULE, [frozenset(IDS[:7])]) == "never"
    assert evaluate(group, RULE, [frozenset(IDS[:4])]) == "never"


def test_members_of_groups_of_groups_are_found_once_and_circles_end() -> None:
    a, b, c = IDS[:3]
    points = {a: frozenset({IDS[10]}), b: frozenset({IDS[11], IDS[10]}), c: frozenset({IDS[12]})}
    children = {a: frozenset({b}), b: frozenset({c}), c: frozenset({a})}
    assert members_of(a, points, children) == {IDS[10], IDS[11], IDS[12]}


@pytest.mark.req("WG3D-156")
@pytest.mark.parametrize(
    ("types", "longest", "divided"),
    [(["contract_number"], 100, False), (["contract_number"], 101, True), (["building"], 1000, False), (["building"], 1001, True)],
)  # fmt: skip
def test_long_lists_are_divided(types: list[str], longest: int, *, divided: bool) -> None:
    assert needs_division(types, longest) is divided


def test_parts_hold_every_point_once() -> None:
    points = [UUID(int=number) for number in range(1, 252)]
    parts = list(divide(points))
    assert [len(part) for _, part in parts] == [100, 100, 51]
    assert [point for _, part in parts for point in part] == points


def test_the_same_members_under_another_name_show_nothing_new_but_a_group_of_one_does() -> None:
    group = a_group(3, 3, 3, 3)
    assert evaluate(group, RULE, [group.members]) == "never"
    assert evaluate(group, RULE, [frozenset(IDS[3:4])]) == "never"
    assert evaluate(group, RULE, [frozenset(IDS[1:4])]) == "always"
