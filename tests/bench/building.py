"""A whole building of 500 accounts and a month: the sum as it is served, and made anew on demand."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from cds_aggregation.adapters.utility import read_rules
from cds_aggregation.application.sum_days import sum_dirty_days
from cds_aggregation.persistence.member_days import mark_all_dirty
from cds_aggregation.settings import Settings
from cds_common import db
from cds_common.events.utility import AggregationRecordedV1
from cds_common.ids import resource_id
from tests.bench import loader
from tests.bench.frame import Benchmark, Figure, Goal, in_turn
from tests.bench.world import DAYS, World, month_of
from tests.e2e.support import SINCE, household, listing, query, until

ACCOUNTS = 500
BUILDING = resource_id("sandbox", "aggregation", "AGG-BENCH")
_MEMBERS = "SELECT d.vals FROM aggregation_member m JOIN member_day d USING (service_point_id) WHERE m.aggregation_id = $1"


def run(world: World) -> Iterator[Figure]:
    """500 homes, each with its account, contract, point, meter and 2,976 readings."""
    path, token, _ = world.month
    numbers = [f"BB-{n:03d}" for n in range(ACCOUNTS)]
    group = AggregationRecordedV1(
        environment="sandbox", source_time=SINCE, aggregation_ref="AGG-BENCH", aggregation_number="BENCH-TOWER", name="Bench tower",
        aggregation_types=["confidential", "building"], servicepoint_refs=[f"SP-{number}" for number in numbers],
    )  # fmt: skip
    world.send([*(event for number in numbers for event in household(number)), group])
    began = time.monotonic()
    world.send(event for n, number in enumerate(numbers) for event in month_of(number, n))
    building = query(world.client, "cds_query_usage", aggregation_numbers=["BENCH-TOWER"], include_aggregations=True, segment_start="P3Y")
    (segment,) = until("the building's month", lambda: _whole(world, building), 300)
    took = time.monotonic() - began
    whole = loader.get(f"/cds/v1/usage-segments?cds_usagesegment_ids={segment['cds_usagesegment_id']}", world.host, building)
    meter = loader.get(path, world.host, token)
    served = in_turn(
        world.rounds,
        ours=lambda: loader.run(world.ingress, whole, seconds=world.seconds).rate,
        floor=lambda: loader.run(world.ingress, meter, seconds=world.seconds).rate,
    )
    note = (
        f"the floor is one meter's month in the same turn; {ACCOUNTS * DAYS * 96:,} readings were summed within {took:.0f} s of the first"
    )
    yield Figure("whole building, maintained sum", "months/s", served["ours"], served["floor"], (), {}, (Goal("floor", 0.9),), note)
    world.stack.stop("aggregation-worker")
    again = in_turn(world.rounds, ours=lambda: asyncio.run(_on_demand(world)), floor=lambda: asyncio.run(_read(world)))
    world.stack.start("aggregation-worker")
    yield Figure(
        "whole building made anew from its members' days", "ms", again["ours"], again["floor"], (), {}, (Goal("value", 250, at_most=True),),
        "500 accounts x 31 days, read, summed exactly, compared and committed; the floor reads the same rows and does nothing with them",
    )  # fmt: skip


def _whole(world: World, token: str) -> list[dict[str, object]] | None:
    """The month's segment once no value of it is missing."""
    found = [each for each in listing(world.client, "usage_segments", token) if each["interval"] == 900]
    cells = sum(cell is not None for each in found for row in each["values"] for cell in row)
    return found if cells == DAYS * 96 else None


async def _on_demand(world: World) -> float:
    """Mark all days of the building and sum them, as the worker does after a change of its members."""
    variables = {name.removeprefix("CDS_AGGREGATION_").lower(): value for name, value in world.stack.environment("aggregation").items()}
    settings = Settings.model_validate(variables)
    engine = db.create_engine(settings, process="bench")
    sessions, rules = db.create_sessions(engine), read_rules(settings.utility_config)
    try:
        async with sessions.begin() as session:
            await session.execute(text("SELECT 1"))
        began = time.perf_counter()
        async with sessions.begin() as session:
            await mark_all_dirty(session, UUID(str(BUILDING)))
            summed = await sum_dirty_days(session, rules, datetime.now(UTC))
        assert summed == DAYS, summed
        return (time.perf_counter() - began) * 1000
    finally:
        await engine.dispose()


async def _read(world: World) -> float:
    import asyncpg

    connection = await asyncpg.connect(world.dsn("aggregation"))
    try:
        began = time.perf_counter()
        assert len(await connection.fetch(_MEMBERS, BUILDING)) >= ACCOUNTS * DAYS
        return (time.perf_counter() - began) * 1000
    finally:
        await connection.close()


BENCHMARK = Benchmark("building", "A whole building", run)
