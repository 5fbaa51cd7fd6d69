"""Numbers that arrive while another transaction makes the segments they sort: both commit for real, on connections of their own."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

from cds_common.events.values import AggregateDayV1, AggregationPublishedV1
from cds_common.testing.plugin import unpooled_engine
from cds_common.testing.postgres import ServiceDatabases
from cds_usage.application.apply_resources import apply_resources
from cds_usage.application.record_aggregates import ingest_aggregates
from cds_usage.persistence.copies import store_aggregation
from cds_usage.settings import Settings
from services.usage.tests.builders import Stage, a_contract, a_point, an_account, at, readings, rid

MORNING = "2026-03-07T00:00:00-08:00"


@pytest.fixture
async def stage(service_databases: ServiceDatabases, settings: Settings) -> AsyncIterator[Stage]:
    database = service_databases.fresh("usage", Path(__file__).parents[2])
    engine = unpooled_engine(database)
    yield Stage(async_sessionmaker(engine, expire_on_commit=False), settings)
    await engine.dispose()
    service_databases.drop(database)


async def _has_begun(making: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.create_task(making)
    await asyncio.wait([task], timeout=0.5)
    return task


async def _numbers(stage: Stage) -> tuple[Any, ...]:
    async with stage.sessions() as session:
        return tuple((await session.execute(text("SELECT account_number, contract_number, aggregation_number FROM usage_segment"))).one())


@pytest.mark.req("WG3D-214")
async def test_segments_made_while_their_account_arrives_sort_by_its_number(stage: Stage) -> None:
    contract = a_contract("C-1", account="A-1", number="510-007")
    await stage.know(contract, a_point(contract))
    async with stage.sessions.begin() as session:
        await apply_resources(session, [an_account("A-1", "91-0007")], stage.ingest.calendar)
        making = await _has_begun(stage.take(readings(MORNING, [1])))
    await making
    assert await _numbers(stage) == ("91-0007", "510-007", None)


@pytest.mark.req("WG3D-214")
async def test_segments_cut_anew_while_their_contract_arrives_sort_by_its_number(stage: Stage) -> None:
    contract = a_contract("C-1", account="A-1", number="510-007").model_copy(update={"service_points": []})
    await stage.know(an_account("A-1", "91-0007"))
    await stage.take(readings(MORNING, [1]))
    async with stage.sessions.begin() as session:
        await apply_resources(session, [contract], stage.ingest.calendar)
        making = await _has_begun(stage.know(a_point(contract)))
    await making
    assert (await _numbers(stage))[1] == "510-007"


@pytest.mark.req("WG3D-214")
async def test_sums_made_while_their_aggregation_arrives_sort_by_its_number(stage: Stage) -> None:
    group = rid("aggregation", "G-1")
    day = AggregateDayV1.model_validate({
        "environment": "sandbox", "aggregation_id": group, "day": "2026-03-07", "version": 1, "interval_seconds": 900, "start": at(MORNING),
        "shape": {"value_type": "electric_usage", "units": "kWh"}, "decimals": 3, "values": [1], "source_time": at("2026-03-10T00:00:00Z"),
    })  # fmt: skip
    published = AggregationPublishedV1(
        environment="sandbox", aggregation_id=group, ref="G-1", version=1, aggregation_number="LANTERN-COURT", name="Building",
        aggregation_types=["building"], member_count=12, consent_requirement="never",
    )  # fmt: skip
    async with stage.sessions.begin() as session:
        await store_aggregation(session, published)
        making = await _has_begun(ingest_aggregates(stage.sessions, stage.ingest, [day.model_dump()]))
    await making
    assert await _numbers(stage) == (None, None, "LANTERN-COURT")
