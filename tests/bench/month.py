"""One month of quarter hours, from the database to the client."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import asyncpg

from cds_common.ids import resource_id
from cds_local import ports
from tests.bench import loader
from tests.bench.frame import Benchmark, Figure, Goal, in_turn
from tests.bench.world import DAYS, FIRST, World, child

POINT = resource_id("sandbox", "service_point", "SP-BM-1")
_FRAGMENTS = "SELECT fragment FROM day_block WHERE owner_id = $1 AND day >= $2 AND day < $3 ORDER BY day"
_NAIVE = """
    DROP TABLE IF EXISTS bench_reading;
    CREATE TABLE bench_reading (point uuid, at timestamptz, value numeric NOT NULL, PRIMARY KEY (point, at));
    INSERT INTO bench_reading SELECT p, timestamptz '2026-01-01 08:00Z' + n * interval '15 minutes', (n * 37 % 900) / 1000.0
        FROM generate_series(0, 2975) n, (SELECT gen_random_uuid() p FROM generate_series(1, 19) UNION ALL SELECT '{point}') points;
    ANALYZE bench_reading;
"""


def run(world: World) -> Iterator[Figure]:
    """Ours through the ingress; floor and naive variant without one."""
    path, token, _ = world.month
    request = loader.get(path, world.host, token)
    loads: list[loader.Load] = []

    def ours() -> float:
        loads.append(loader.run(world.ingress, request, seconds=world.seconds))
        return loads[-1].rate

    worked = world.cpu_seconds("usage-api")
    for statement in _NAIVE.format(point=POINT).split(";")[:-1]:
        world.sql("usage", statement)
    with child("tests.bench.naive_month", world.dsn("usage"), port=ports.free_port()) as naive_address:
        plain = loader.get(f"/months/{POINT}", "naive", "none")
        taken = in_turn(
            world.rounds,
            ours=ours,
            floor=lambda: asyncio.run(_fragments(world)),
            naive=lambda: loader.run(naive_address, plain, seconds=world.seconds).rate,
        )
    world.sql("usage", "DROP TABLE bench_reading")
    worked = (world.cpu_seconds("usage-api") - worked) * 1000 / sum(len(load.latencies_ms) for load in loads)
    middle = sorted(loads, key=lambda load: load.rate)[len(loads) // 2]
    yield Figure(
        "one month of 15-minute values (2,976), ingress to database", "months/s", taken["ours"], taken["floor"], taken["naive"],
        middle.percentiles, (Goal("floor", 0.6), Goal("naive", 6), Goal("value", 1200), Goal("p99", 25, at_most=True)),
        f"{worked:.2f} ms of CPU in usage-api; {middle.note()}",
    )  # fmt: skip


async def _fragments(world: World) -> float:
    """Months a second by asyncpg alone: fetch the stored days and join them, 32 at a time over 8 connections."""
    pool = await asyncpg.create_pool(world.dsn("usage"), min_size=8, max_size=8)
    try:
        done, stop_at = 0, time.monotonic() + world.seconds / 2

        async def one() -> None:
            nonlocal done
            while time.monotonic() < stop_at:
                rows = await pool.fetch(_FRAGMENTS, POINT, FIRST, FIRST + timedelta(days=DAYS))
                assert len(b",".join(row[0] for row in rows)) > 10_000
                done += 1

        began = time.monotonic()
        await asyncio.gather(*(one() for _ in range(32)))
        return done / (time.monotonic() - began)
    finally:
        await pool.close()


BENCHMARK = Benchmark(
    "month", "One month of a meter", run,
    floor="asyncpg fetches the stored blocks of the same month and joins them: no HTTP, no token, no access check, no access log",
    naive="a row per reading (numeric), read by asyncpg into pydantic models and answered by FastAPI: no ingress, token or access check",
)  # fmt: skip
