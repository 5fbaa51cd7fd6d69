"""kill -9 of the usage worker, again and again, while readings come in: the sum must be exact at the end."""

import asyncio
import os
import time
from collections.abc import Iterator
from uuid import uuid4

from tests.bench.frame import Benchmark, Figure, Goal
from tests.bench.messages import Progress, blocks, publish
from tests.bench.taking import WORKER, stored_sum
from tests.bench.world import World

FULL, FULL_KILLS = 10_000_000, 20
SHORT, SHORT_KILLS = 1_000_000, 3
DAYS = 50


def run(world: World) -> Iterator[Figure]:
    """10 million readings and 20 kills by BENCH=kill, a tenth of it within `make bench`; KILL_READINGS and KILLS choose otherwise."""
    wanted = int(os.environ.get("KILL_READINGS", FULL if world.named else SHORT))
    kills = int(os.environ.get("KILLS", FULL_KILLS if world.named else SHORT_KILLS))
    points = -(-wanted // (96 * DAYS))
    prefix = f"BENCH-K{uuid4().hex[:6]}"
    messages = list(blocks(prefix, points, DAYS))
    world.stack.stop(WORKER)
    servers = world.stack.kafka_bootstrap_servers
    ends = asyncio.run(publish(servers, messages))
    began = time.monotonic()
    world.stack.start(WORKER, wait=False)
    done = asyncio.run(_killing(world, servers, ends, kills))
    seconds = time.monotonic() - began
    count, total = stored_sum(world, prefix, points)
    expected = sum(each.total for each in messages)
    exact = (count, total) == (len(messages) * 96, expected)
    note = f"{done} kills in {seconds:.0f} s; {count:,} values with the sum {total:,} Wh are stored, expected {expected:,}"
    yield Figure("exact sum after kill -9 during the ingest", "of 1", [float(exact)], goals=(Goal("value", 1),), note=note)


async def _killing(world: World, servers: str, ends: dict[object, int], kills: int) -> int:
    """Kill whenever another share of the messages is committed; returns how often it happened while there was work."""
    async with Progress(servers, ends) as progress:  # type: ignore[arg-type]
        whole = await progress.left()
        done, next_at = 0, whole * kills // (kills + 1)
        while left := await progress.left():
            if done < kills and left <= next_at:
                await asyncio.to_thread(world.stack.kill, WORKER)
                await asyncio.to_thread(lambda: world.stack.start(WORKER, wait=False))
                done += 1
                next_at = left - max(1, left // (kills - done + 1))
            await asyncio.sleep(0.05)
        return done


BENCHMARK = Benchmark("kill", "kill -9 during the ingest", run)
