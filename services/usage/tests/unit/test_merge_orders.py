"""Readings meet in any order with one outcome, byte for byte that of a run in the order of their source moments."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_common.events.utility import ReadingsRecordedV1, SeriesShape
from cds_usage.application.block_merging import history_layers
from cds_usage.application.record_readings import Readings
from cds_usage.domain.calendar import Calendar
from cds_usage.domain.day_block import QUALITIES, BlockKey, DayBlock, Merged, Slice, merge
from cds_usage.domain.freezing import frozen_block
from cds_usage.domain.packing import PackedBlock, pack, unpack

CALENDAR = Calendar("America/Los_Angeles")
STEP = 900
SPAN = 12
ESTIMATED, VALID, CORRECTED = (QUALITIES.index(name) for name in ("estimated", "valid", "corrected"))


def told(slot: int, source: int, quality: int) -> int | None:
    """What the source says of a slot at a moment: one fact, however often and in whatever parts it is sent; None = nothing."""
    value = hash((slot, source, quality)) % 1000
    return None if value < 100 else value


@st.composite
def a_slice(draw: st.DrawFn) -> Slice:
    first = draw(st.integers(0, SPAN - 1))
    count = draw(st.integers(1, SPAN - first))
    source, quality = draw(st.integers(1, 4)), draw(st.sampled_from([ESTIMATED, VALID]))
    # A multiplier that changes at noon changes the digits from there on.
    decimals = [3 if slot < SPAN // 2 else 1 for slot in range(first, first + count)]
    return Slice(first * STEP, [told(slot, source, quality) for slot in range(first, first + count)], decimals, quality, source)


def in_order(pieces: Iterable[Slice]) -> list[Slice]:
    return sorted(pieces, key=lambda piece: (piece.source, piece.quality != ESTIMATED))


def run(pieces: Iterable[Slice]) -> tuple[PackedBlock, list[DayBlock]]:
    """As the store does it: every message finds the block as it was packed. Returns it and the layers of its history."""
    packed, layers = None, list[DayBlock]()
    for piece in pieces:
        merged: Merged = merge(None if packed is None else unpack(packed, STEP), STEP, piece)
        packed = pack(merged.block)
        layers += [unpack(layer, STEP) for layer in history_layers(merged)]
    assert packed is not None
    return packed, layers


@settings(max_examples=120, deadline=None)
@given(st.lists(a_slice(), min_size=1, max_size=7).flatmap(lambda made: st.tuples(st.just(made), st.permutations(made), st.integers(0, 5))))
def test_late_doubled_overlapping_and_corrected_readings_end_as_in_order(case: tuple[list[Slice], list[Slice], int]) -> None:
    made, arrived, until = case
    expected, history = run(in_order(made))
    packed, layers = run([*arrived, *arrived[:2]])
    assert packed == expected
    now, then = frozen_block(unpack(packed, STEP), layers, until), frozen_block(unpack(expected, STEP), history, until)
    assert (now.values, pack(now).decimals_each, pack(now).quality) == (then.values, pack(then).decimals_each, pack(then).quality)


@settings(max_examples=100, deadline=None)
@given(st.lists(a_slice(), min_size=1, max_size=5))
def test_readings_one_by_one_end_as_in_blocks(made: list[Slice]) -> None:
    single = [
        Slice(piece.first + STEP * place, [value], [piece.decimals_at(place)], piece.quality, piece.source)
        for piece in made
        for place, value in enumerate(piece.values)
    ]
    assert run(reversed(single))[0] == run(in_order(made))[0]


def laid(*pieces: Slice) -> DayBlock:
    return unpack(run(pieces)[0], STEP)


def test_an_estimate_is_replaced_by_the_actual_reading_in_either_order_of_the_same_moment() -> None:
    estimate, actual = Slice(0, [7], 0, ESTIMATED, 5), Slice(0, [9], 0, VALID, 5)
    for block in (laid(estimate, actual), laid(actual, estimate)):
        assert (block.values, block.qualities) == ([9], [VALID])


def test_a_newer_estimate_takes_back_what_a_faulty_meter_measured() -> None:
    block = laid(Slice(0, [9], 0, VALID, 5), Slice(0, [7], 0, ESTIMATED, 6))
    assert (block.values, block.qualities) == ([7], [ESTIMATED])


def test_a_gap_is_filled_by_what_comes_late_even_if_it_is_older() -> None:
    assert laid(Slice(0, [1, None, 3], 0, VALID, 9), Slice(STEP, [2], 0, ESTIMATED, 1)).values == [1, 2, 3]


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_clock_change_a_meter_swap_and_a_multiplier_change_in_any_order(day: date, slots: int, data: st.DataObject) -> None:
    begin, _ = CALENDAR.bounds(day)
    swap = data.draw(st.integers(1, slots - 1))
    cuts = sorted({0, swap, slots, *data.draw(st.lists(st.integers(1, slots - 1), max_size=6))})
    messages = [
        a_message(begin, first, last, "M-1" if first < swap else "M-2", correction)
        for first, last in pairwise(cuts)
        for correction in data.draw(st.sampled_from([(0,), (0, 1)]))
    ]
    expected = taken(sorted(messages, key=lambda message: message.source_time))
    arrived = data.draw(st.permutations(messages))
    assert taken([*arrived, *arrived[:3]]) == expected
    assert {key.day for key in expected} == {day}
    assert sorted(block.count for block in expected.values()) == sorted((swap, slots - swap))


def a_message(begin: int, first: int, last: int, meter: str, correction: int) -> ReadingsRecordedV1:
    return ReadingsRecordedV1(
        environment="sandbox",
        source_time=datetime(2026, 12, 1 + correction, tzinfo=UTC),
        servicepoint_ref="P-1",
        meter_ref=meter,
        shape=SeriesShape(value_type="electric_usage", units="kWh"),
        quality="corrected" if correction else "valid",
        start=datetime.fromtimestamp(begin, UTC) + timedelta(seconds=STEP * first),
        interval_seconds=STEP,
        decimals=[3 if slot < 40 else 1 for slot in range(first, last)],
        values=[1000 * correction + slot for slot in range(first, last)],
    )


def taken(messages: Iterable[ReadingsRecordedV1]) -> dict[BlockKey, PackedBlock]:
    blocks = dict[BlockKey, PackedBlock]()
    for message in messages:
        readings = Readings(CALENDAR, datetime(2026, 12, 3, tzinfo=UTC))
        readings.add(message)
        for key, pieces in readings.pieces.items():
            for piece in pieces:
                block = unpack(blocks[key], STEP) if key in blocks else None
                blocks[key] = pack(merge(block, key.interval_seconds, piece).block)
    return blocks
