"""Readings into the database and out again as Value Sets."""

import random

import pytest
from sqlalchemy import text

from cds_common.errors import TransientError
from cds_common.events.utility import ReadingsRecordedV1
from cds_usage.domain.day_block import BlockKey
from cds_usage.persistence.day_blocks import BlockWrite, load_blocks, save_blocks
from cds_usage.persistence.series import SeriesKinds
from services.usage.tests.builders import NOW, Stage, at, column, point_entry, readings


async def outbox(stage: Stage) -> list[tuple[str, str]]:
    async with stage.sessions() as session:
        rows = await session.execute(
            text("SELECT event_type, day->>'day' FROM outbox, jsonb_array_elements(body::jsonb->'days') AS day ORDER BY id")
        )
        return [(row[0], row[1]) for row in rows]


@pytest.mark.req("WG3D-022")
async def test_values_come_out_with_the_digits_of_the_source(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [2000, 1, -5, 10**18], decimals=[2, 1, 3, 12]))
    (segment,) = await stage.segments(point_entry())
    assert column(segment) == ["20.00", "0.1", "-0.005", "1000000.000000000000"]


@pytest.mark.req("WG3D-178", "WG3D-184")
async def test_missing_intervals_are_rows_of_null(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, None, 3]), readings("2026-03-07T01:30:00-08:00", [7]))
    (segment,) = await stage.segments(point_entry())
    assert column(segment) == ["0.001", None, "0.003", None, None, None, "0.007"]
    assert (segment["segment_start"], segment["segment_end"], segment["interval"]) == ("2026-03-07T08:00:00Z", "2026-03-07T09:45:00Z", 900)


async def test_a_day_of_a_clock_change_has_as_many_rows_as_it_has_quarters(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", list(range(96 + 92 + 96))))
    (segment,) = await stage.segments(point_entry())
    assert len(segment["values"]) == 284
    assert segment["segment_end"] == "2026-03-10T07:00:00Z"
    assert await outbox(stage) == [
        ("usage.days.v1", "2026-03-07"), ("usage.days.v1", "2026-03-08"), ("usage.days.v1", "2026-03-09"),
    ]  # fmt: skip


@pytest.mark.req("WG3D-181")
async def test_daily_values_over_a_clock_change_are_segments_that_start_at_local_midnight(stage: Stage) -> None:
    await stage.take(readings("2026-03-06T00:00:00-08:00", [6, 7], interval_seconds=86_400))
    await stage.take(readings("2026-03-08T00:00:00-08:00", [8], interval_seconds=82_800))
    await stage.take(readings("2026-03-09T00:00:00-07:00", [9, 10], interval_seconds=86_400))
    segments = await stage.segments(point_entry(formats=["el-day"]))
    assert [(one["segment_start"], one["interval"], len(one["values"])) for one in segments] == [
        ("2026-03-06T08:00:00Z", 86_400, 2), ("2026-03-08T08:00:00Z", 82_800, 1), ("2026-03-09T07:00:00Z", 86_400, 2),
    ]  # fmt: skip


@pytest.mark.req("WG3D-180")
async def test_billing_months_have_one_row_and_their_true_length(stage: Stage) -> None:
    gas = {"value_type": "natural_gas_usage", "units": "therm", "tier": "none"}
    await stage.take(readings("2026-01-12T00:00:00-08:00", [341], interval_seconds=29 * 86_400, shape=gas, decimals=1))
    await stage.take(readings("2026-02-10T00:00:00-08:00", [297], interval_seconds=28 * 86_400, shape=gas, decimals=1))
    segments = await stage.segments(point_entry(formats=["gas-month"]))
    assert [(one["interval"], column(one), one["segment_end"]) for one in segments] == [
        (2_505_600, ["34.1"], "2026-02-10T08:00:00Z"), (2_419_200, ["29.7"], "2026-03-10T08:00:00Z"),
    ]  # fmt: skip
    assert segments[0]["formats"] == [{"id": "gas-month", "type": "natural_gas_usage", "units": "therm", "tier": None}]


async def test_a_correction_replaces_the_value_and_moves_modified(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, 2, 3]))
    (before,) = await stage.segments(point_entry())
    stage.now = at("2026-03-21T00:00:00Z")
    await stage.take(readings("2026-03-07T00:15:00-08:00", [20], source_time=at("2026-03-20T00:00:00Z")))
    (after,) = await stage.segments(point_entry())
    assert column(after) == ["0.001", "0.020", "0.003"]
    assert after["cds_usagesegment_id"] == before["cds_usagesegment_id"]
    assert (before["cds_modified"], after["cds_modified"]) == ("2026-03-20T12:00:00Z", "2026-03-21T00:00:00Z")
    assert after["cds_created"] == "2026-03-20T12:00:00Z"


@pytest.mark.req("WG3D-206")
async def test_corrected_values_stand_in_a_column_of_their_quality(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, 2, 3], quality="valid"))
    await stage.take(readings("2026-03-07T00:15:00-08:00", [20], quality="corrected", source_time=at("2026-03-20T00:00:00Z")))
    (segment,) = await stage.segments(point_entry(formats=["el-15min", "el-15min-corrected"]))
    assert [(one["id"], one.get("quality")) for one in segment["formats"]] == [("el-15min", None), ("el-15min-corrected", "corrected")]
    assert (column(segment, 0), column(segment, 1)) == (["0.001", None, "0.003"], [None, "0.020", None])


@pytest.mark.req("WG3B-175", "WG3A-119")
async def test_a_client_that_asks_for_one_format_gets_values_of_every_quality_in_it(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, 2, 3], quality="valid"))
    await stage.take(readings("2026-03-07T00:15:00-08:00", [20], quality="corrected", source_time=at("2026-03-20T00:00:00Z")))
    (segment,) = await stage.segments(point_entry())
    assert segment["formats"] == [{"id": "el-15min", "type": "electric_usage", "units": "kWh"}]
    assert column(segment) == ["0.001", "0.020", "0.003"]


@pytest.mark.req("WG3D-028", "WG3D-029", "WG3B-197", "WG3B-198")
async def test_a_confirmation_without_a_change_moves_only_synced(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, 2, 3]))
    published = len(await outbox(stage))
    stage.now = at("2026-03-22T00:00:00Z")
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, 2, 3], source_time=at("2026-03-21T00:00:00Z")))
    (segment,) = await stage.segments(point_entry())
    assert (segment["cds_modified"], segment["cds_synced"]) == ("2026-03-20T12:00:00Z", "2026-03-21T00:00:00Z")
    (frozen,) = await stage.segments(point_entry(sync_until=at("2026-03-16T00:00:00Z")))
    assert (frozen["cds_synced"], column(frozen)) == ("2026-03-16T00:00:00Z", ["0.001", "0.002", "0.003"])
    assert len(await outbox(stage)) == published


async def test_an_older_message_becomes_history_only(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1, 2]))
    published = len(await outbox(stage))
    await stage.take(readings("2026-03-07T00:00:00-08:00", [8, 9], source_time=at("2026-03-14T00:00:00Z")))
    (segment,) = await stage.segments(point_entry())
    assert column(segment) == ["0.001", "0.002"]
    assert len(await outbox(stage)) == published


async def test_a_message_that_comes_twice_counts_once(stage: Stage) -> None:
    once = readings("2026-03-07T00:00:00-08:00", [1])
    assert await stage.take(once, once) == 1
    assert await stage.take(once) == 0
    assert len(await outbox(stage)) == 1


async def test_a_large_batch_is_taken_in_shares(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_usage.application.ingest.MAX_VALUES", 3)
    parts = [readings(f"2026-03-07T0{hour}:00:00-08:00", [hour, hour]) for hour in range(3)]
    assert await stage.take(*parts, parts[0]) == 3
    (segment,) = await stage.segments(point_entry())
    assert [value for value in column(segment) if value is not None] == ["0.000", "0.000", "0.001", "0.001", "0.002", "0.002"]


async def test_readings_that_come_one_by_one_meet_in_one_write_of_their_block(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_usage.application.ingest.MAX_POINTS", 2)
    moments = [f"2026-03-07T00:{minute}:00-08:00" for minute in ("00", "15", "30", "45")]
    taken = await stage.take(
        *(
            readings(moment, [number + 1], servicepoint_ref=point)
            for number, moment in enumerate(moments)
            for point in ("P-1", "P-2", "P-3")
        )
    )
    assert taken == 12
    async with stage.sessions() as session:
        assert list(await session.scalars(text("SELECT version FROM day_block"))) == [1, 1, 1]
        transactions = await session.scalars(text("SELECT count(*) FROM inbox GROUP BY xmin::text ORDER BY 1"))
        assert list(transactions) == [4, 8], "two points in a transaction, the third in one of its own"
    for point in ("P-1", "P-2", "P-3"):
        (segment,) = await stage.segments(point_entry(point))
        assert column(segment) == ["0.001", "0.002", "0.003", "0.004"]


async def test_late_readings_before_the_first_ones_extend_the_segment_under_its_id(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T01:00:00-08:00", [5]))
    (before,) = await stage.segments(point_entry())
    await stage.take(readings("2026-03-07T00:30:00-08:00", [3]))
    (after,) = await stage.segments(point_entry())
    assert after["cds_usagesegment_id"] == before["cds_usagesegment_id"]
    assert column(after) == ["0.003", None, "0.005"]


async def test_meters_of_one_point_have_segments_of_their_own(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1]), readings("2026-03-07T00:15:00-08:00", [2], meter_ref="M-2"))
    assert [column(one) for one in await stage.segments(point_entry())] == [["0.001"], ["0.002"]]


async def test_a_block_that_another_writer_has_changed_meanwhile_is_not_overwritten(stage: Stage) -> None:
    await stage.take(readings("2026-03-07T00:00:00-08:00", [1]))
    async with stage.sessions() as session:
        keys = [
            BlockKey(*row) for row in await session.execute(text("SELECT owner_id, series_id, day, interval_seconds, phase FROM day_block"))
        ]
        read = await load_blocks(session, keys)
    await stage.take(readings("2026-03-07T00:15:00-08:00", [2]))
    stale = [BlockWrite(key, block.packed, b"", block.version + 1, NOW, NOW) for key, block in read.items()]
    with pytest.raises(TransientError):
        async with stage.sessions.begin() as session:
            await save_blocks(session, stale, NOW)
    (segment,) = await stage.segments(point_entry())
    assert column(segment) == ["0.001", "0.002"]


async def test_partitions_are_made_for_the_months_of_the_readings(stage: Stage) -> None:
    await stage.take(readings("2019-05-31T23:45:00-07:00", [1, 2]))
    async with stage.sessions() as session:
        rows = await session.scalars(text("SELECT tableoid::regclass::text FROM day_block ORDER BY day"))
        assert list(rows) == ["day_block_2019_05", "day_block_2019_06"]


async def test_a_reading_of_another_age_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="outside of the time"):
        await stage.take(readings("1901-01-01T00:00:00Z", [1]))


async def test_a_reading_inside_a_second_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="full second"):
        await stage.take(readings("2026-03-07T00:00:00.500000-08:00", [1]))


MARCH_8 = "2026-03-08T00:00:00-08:00"


def a_messy_day() -> list[ReadingsRecordedV1]:
    """A day of a clock change: an estimate of it all, actual readings over it, overlaps, a swap at half past ten, a new multiplier."""
    late, corrected = at("2026-03-09T12:00:00Z"), at("2026-03-12T00:00:00Z")
    return [
        readings(MARCH_8, list(range(92)), quality="estimated", source_time=at("2026-03-09T08:00:00Z")),
        readings(MARCH_8, list(range(100, 142)), quality="valid", source_time=late),
        readings("2026-03-08T08:30:00-07:00", [1000 + slot for slot in range(20)], quality="corrected", source_time=corrected),
        readings("2026-03-08T11:30:00-07:00", list(range(50)), decimals=[1] * 20 + [2] * 30, meter_ref="M-2", source_time=late),
        readings("2026-03-08T13:00:00-07:00", [None, 7, None, 9], decimals=2, meter_ref="M-2", source_time=corrected),
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_messages_in_any_order_and_twice_end_byte_for_byte_as_in_order(stage: Stage, seed: int) -> None:
    stored = text("SELECT series_id, day, first_s, count, vals, decimals_each, qualities_each, sources_each FROM day_block ORDER BY 1, 2")
    await stage.take(*a_messy_day())
    everything = point_entry(formats=["el-15min", "el-15min-corrected"])
    async with stage.sessions() as session:
        expected = [tuple(row) for row in await session.execute(stored)]
    shown = [one["values"] for one in await stage.segments(everything)]
    async with stage.sessions.begin() as session:
        for table in ("day_block", "day_block_history", "usage_segment", "inbox"):
            await session.execute(text(f"DELETE FROM {table}"))

    arrived = a_messy_day() + a_messy_day()[:3]
    random.Random(seed).shuffle(arrived)
    for message in arrived:
        await stage.take(message)

    async with stage.sessions() as session:
        assert [tuple(row) for row in await session.execute(stored)] == expected
    assert [one["values"] for one in await stage.segments(everything)] == shown
    assert len(expected) == 2


async def test_a_kind_of_series_whose_transaction_took_its_number_early_and_committed_late_is_found(stage: Stage) -> None:
    kinds = SeriesKinds()
    for number in (1000, 900):
        async with stage.sessions.begin() as session:
            await session.execute(
                text("INSERT INTO series_kind (kind_id, key, cadence, shape) OVERRIDING SYSTEM VALUE VALUES (:id, :key, '15min', :shape)"),
                {"id": number, "key": f"kind {number}", "shape": f'{{"value_type": "electric_usage", "register_name": "R{number}"}}'},
            )
        async with stage.sessions() as session:
            await kinds.refresh(session)
        assert number in kinds.all
