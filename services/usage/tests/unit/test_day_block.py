"""Merging of readings into day blocks, in every order of arrival."""

from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_usage.domain.calendar import Calendar
from cds_usage.domain.day_block import DayBlock, Slice, merge, replace
from cds_usage.domain.freezing import frozen_block, last_change
from cds_usage.domain.packing import MIXED, NO_VALUES, pack, pack_values, unpack, unpack_values
from cds_usage.domain.slicing import Run, by_day

STEP = 900


def a_slice(first: int, *values: int | None, source: int = 10, decimals: int = 0, quality: int = 0) -> Slice:
    return Slice(first * STEP, values, decimals, quality, source)


def laid(*pieces: Slice) -> DayBlock:
    block = None
    for piece in pieces:
        block = merge(block, STEP, piece).block
    assert block is not None
    return block


def test_a_newer_source_wins_reading_by_reading() -> None:
    block = laid(a_slice(0, 1, 2, 3, source=10), a_slice(1, 20, source=11))
    assert block.values == [1, 20, 3]
    assert block.sources == [10, 11, 10]


def test_a_late_older_reading_fills_holes_and_changes_nothing_else() -> None:
    merged = merge(laid(a_slice(0, 1, None, 3, source=10)), STEP, a_slice(0, 7, 8, 9, source=5))
    assert merged.block.values == [1, 8, 3]
    assert [(old.value, old.source) for old in merged.superseded] == [(7, 5), (9, 5)]
    assert (merged.changed_from, merged.changed_to) == (1 * STEP, 2 * STEP)


def test_on_a_tie_the_later_arrival_wins() -> None:
    assert laid(a_slice(0, 1, source=10), a_slice(0, 2, source=10)).values == [2]


def test_none_erases_nothing_but_says_that_the_slot_exists() -> None:
    block = laid(a_slice(0, 1, 2), a_slice(0, None, None, None, source=99))
    assert block.values == [1, 2, None]


def test_a_repeated_message_changes_nothing() -> None:
    merged = merge(laid(a_slice(0, 1, 2)), STEP, a_slice(0, 1, 2))
    assert merged.changed_from is None
    assert merged.superseded == []


def test_readings_before_and_after_extend_the_block() -> None:
    block = laid(a_slice(10, 5), a_slice(7, 1), a_slice(12, 9))
    assert block.first == 7 * STEP
    assert block.values == [1, None, None, 5, None, 9]


def test_a_changed_number_of_digits_is_a_change() -> None:
    merged = merge(laid(a_slice(0, 10, decimals=1)), STEP, a_slice(0, 100, decimals=2, source=11))
    assert merged.changed_from == 0
    assert merged.block.decimals == [2]


def test_the_outcome_does_not_depend_on_the_order_of_arrival() -> None:
    pieces = [a_slice(0, 1, 2, 3, 4, source=1), a_slice(2, 30, 40, 50, source=3), a_slice(1, 200, None, 400, source=2)]
    outcomes = {tuple(laid(*order).values) for order in permutations(pieces)}
    assert outcomes == {(1, 200, 30, 40, 50)}


def test_a_sum_replaces_the_day_nones_included() -> None:
    merged = replace(laid(a_slice(0, 1, 2, 3)), STEP, a_slice(0, 1, None, 4, source=11))
    assert merged.block.values == [1, None, 4]
    assert [(old.start, old.value) for old in merged.superseded] == [(1 * STEP, 2), (2 * STEP, 3)]
    assert merged.block.sources[0] == 10


def test_a_frozen_grant_sees_the_values_that_were_newest_then() -> None:
    newest = laid(a_slice(0, 1, 2, 3, source=10), a_slice(0, 9, 9, source=20))
    layers = [laid(a_slice(0, 1, 2, source=10)), laid(a_slice(2, 7, source=8))]
    assert frozen_block(newest, layers, 15).values == [1, 2, 3]
    assert frozen_block(newest, layers, 9).values == [None, None, 7]
    assert frozen_block(newest, layers, 20).values == [9, 9, 3]


def test_a_layer_recorded_later_counts_on_the_same_moment() -> None:
    newest, layers = laid(a_slice(0, 9, source=20)), [laid(a_slice(0, 1, source=5)), laid(a_slice(0, 2, source=5))]
    assert frozen_block(newest, layers, 6).values == [2]


@pytest.mark.parametrize(("until", "changed"), [(9, None), (11, 10), (13, 300), (19, 100), (20, 200)])
def test_the_last_change_of_a_frozen_block_is_that_of_the_values_it_shows(until: int, changed: int | None) -> None:
    first, second, late, newest = (laid(a_slice(0, value, source=source)) for value, source in ((1, 10), (5, 15), (4, 12), (9, 20)))
    assert last_change(newest, [first, second, late], [100, 200, 300], until) == changed


@given(st.lists(st.none() | st.integers(-(10**18), 10**18), min_size=1, max_size=200))
def test_packed_values_come_back_as_they_were(values: list[int | None]) -> None:
    assert unpack_values(pack_values(values), len(values)) == values


@pytest.mark.parametrize("edge", [-(2**31), 2**31 - 1, 2**31, -(2**31) - 1])
def test_values_at_the_edge_of_four_bytes_are_kept(edge: int) -> None:
    assert unpack_values(pack_values([edge, None]), 2) == [edge, None]


def test_a_block_comes_back_as_it_was_packed() -> None:
    block = laid(a_slice(0, 1, 2, source=10), a_slice(1, 5, None, source=12, decimals=3, quality=7))
    packed = pack(block)
    assert (packed.quality, packed.decimals, packed.source_min, packed.source_max) == (MIXED, MIXED, 10, 12)
    again = unpack(packed, STEP)
    assert (again.values, again.decimals[:2], again.sources[:2]) == (block.values, [0, 3], [10, 12])


def test_a_block_without_values_has_no_quality() -> None:
    assert pack(laid(a_slice(0, None, None, quality=5))).quality == NO_VALUES


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100), (date(2026, 3, 9), 96)])
def test_days_of_a_clock_change_have_23_and_25_hours(day: date, slots: int) -> None:
    calendar = Calendar("America/Los_Angeles")
    start, _ = calendar.bounds(day)
    run = Run(start, STEP, list(range(200)), 0, 0, 1)
    first_day, piece = next(iter(by_day(run, calendar)))
    assert (first_day, len(piece.values)) == (day, slots)


def test_an_interval_that_crosses_midnight_belongs_to_the_day_it_starts_on() -> None:
    calendar = Calendar("America/Los_Angeles")
    midnight, _ = calendar.bounds(date(2026, 6, 2))
    run = Run(midnight - 600, STEP, [1, 2], 0, 0, 1)
    assert [(day, list(piece.values)) for day, piece in by_day(run, calendar)] == [(date(2026, 6, 1), [1]), (date(2026, 6, 2), [2])]


def test_decimals_of_each_value_follow_their_value() -> None:
    calendar = Calendar("America/Los_Angeles")
    midnight, _ = calendar.bounds(date(2026, 6, 2))
    run = Run(midnight - STEP, STEP, [1, 2, 3], [0, 1, 2], 0, 1)
    assert [piece.decimals for _, piece in by_day(run, calendar)] == [[0], [1, 2]]
