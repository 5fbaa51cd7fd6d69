"""The consumers on an in-memory bus: batches, poison, unknown types, once only."""

from typing import Any

import pytest
from sqlalchemy import text

from cds_common.events.utility import EacRecordedV1
from cds_common.events.values import AggregateDayV1, AggregationPublishedV1, BillPublishedV1
from cds_common.grant_copy.testing import an_entry
from cds_common.testing.bus import memory_bus
from cds_usage.events import ROUTERS
from services.usage.tests.builders import FLAG, Stage, a_contract, a_point, an_account, at, column, point_entry, readings, rid

MARCH_7 = "2026-03-07T00:00:00-08:00"


@pytest.fixture
async def bus(stage: Stage) -> Any:
    context = {"sessions": stage.sessions, "ingest": stage.ingest}
    async with memory_bus(stage.settings, ROUTERS, context=context) as bus:
        yield bus


async def test_readings_arrive_and_a_second_delivery_changes_nothing(stage: Stage, bus: Any) -> None:
    event = readings(MARCH_7, [1, 2])
    await bus.publish(event)
    await bus.publish(event)
    (segment,) = await stage.segments(point_entry())
    assert column(segment) == ["0.001", "0.002"]
    async with stage.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 1


async def test_a_poison_message_is_parked_and_the_next_one_is_taken(stage: Stage, bus: Any) -> None:
    headers = {"event_type": "readings.recorded.v1"}
    await bus.raw("utility.meter-readings", b'{"event_type":"readings.recorded.v1","values":"many"}', headers=headers)
    await bus.raw("utility.meter-readings", b"not json", headers=headers)
    await bus.publish(readings("1901-01-01T00:00:00Z", [1]))
    await bus.publish(readings(MARCH_7, [7]))
    assert [parked.topic for parked in bus.parked] == ["utility.meter-readings.dead"] * 3
    assert [column(one) for one in await stage.segments(point_entry())] == [["0.007"]]


async def test_newer_event_types_are_passed_over(stage: Stage, bus: Any) -> None:
    for topic in ("utility.meter-readings", "cds.resources", "cds.bills", "cds.aggregates", "cds.aggregations", "utility.eacs"):
        await bus.raw(topic, b'{"event_type":"something.new.v9"}', headers={"event_type": "something.new.v9"})
    assert bus.parked == []


async def test_every_topic_finds_its_use_case(stage: Stage, bus: Any) -> None:
    contract = a_contract("C-1", account="A-1", number="C1", start="2024-01-01T00:00:00-08:00")
    for event in (an_account("A-1", "1001"), contract, a_point(contract), readings(MARCH_7, [1])):
        await bus.publish(event)
    group = rid("aggregation", "G-1")
    await bus.publish(
        AggregationPublishedV1(
            environment="sandbox",
            aggregation_id=group,
            ref="G-1",
            version=1,
            aggregation_number="B-1",
            name="House",
            aggregation_types=["building"],
            member_count=1,
            consent_requirement="never",
        )
    )
    day = AggregateDayV1(
        environment="sandbox", aggregation_id=group, shape={"value_type": "electric_usage", "units": "kWh"}, interval_seconds=900,  # type: ignore[arg-type]
        day=at(MARCH_7).date(), version=1, start=at(MARCH_7), decimals=0, values=[9],
    )  # fmt: skip
    await bus.publish(day)
    await bus.publish(
        BillPublishedV1(environment="sandbox", statement_id=group, account_id=group, version=1, statement_date=day.day, sections=[])
    )
    await bus.publish(
        EacRecordedV1(
            environment="sandbox",
            source_time=at(MARCH_7),
            eac_ref="E-1",
            beneficiary_type="general",
            eac_format="f",
            content="{}",
            period_start=at(MARCH_7),
            period_end=at(MARCH_7),
        )
    )
    assert bus.parked == []
    entry = an_entry(flags=[FLAG], reach={"aggregation": [group], "account": [rid("account", "A-1")]}, value_formats=["el-15min"])
    assert [column(one) for one in await stage.segments(entry)] == [["0.001"], [9]]
    async with stage.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM eac_version")) == 1
        assert await session.scalar(text("SELECT aggregation_number FROM usage_segment WHERE aggregation_id IS NOT NULL")) == "B-1"
