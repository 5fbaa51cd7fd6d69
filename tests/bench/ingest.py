"""Readings from Kafka to Postgres, once each, whatever arrives twice or late."""

from collections.abc import Iterator
from uuid import uuid4

from tests.bench.frame import Benchmark, Figure, Goal, in_turn
from tests.bench.messages import blocks, singles, with_noise
from tests.bench.taking import bare_blocks, bare_singles, stored_sum, taken_by
from tests.bench.world import World

POINTS, DAYS = 1_500, 20
SINGLE_POINTS, SLOTS = 300, 200


def _new() -> str:
    return f"BENCH-{uuid4().hex[:8]}"


def ingest(world: World) -> Iterator[Figure]:
    """Day blocks; then the same with 5 % duplicates and 2 % corrections, compared with clean runs between."""
    points, wrong = int(POINTS * world.scale), 0

    def noisy() -> float:
        nonlocal wrong
        own = _new()
        clean = list(blocks(own, points, DAYS))
        messages, total = with_noise(clean, own)
        rate = taken_by(world, messages)
        wrong += stored_sum(world, own, points) != (points * DAYS * 96, total)
        return rate * len(clean) / len(messages)

    taken = in_turn(
        world.rounds,
        ours=lambda: taken_by(world, list(blocks(_new(), points, DAYS))),
        floor=lambda: bare_blocks(world, list(blocks(_new(), points, DAYS))),
        noisy=noisy,
    )
    size = f"{points * DAYS:,} messages of 96 readings a run, in Kafka before the worker starts, timed from its first commit"
    goals = (Goal("floor", 0.5), Goal("value", 800_000))
    yield Figure("ingest of day blocks, Kafka to Postgres", "readings/s", taken["ours"], taken["floor"], (), {}, goals, size)
    note = "the floor is the clean run of the same turn"
    goals = (Goal("floor", 0.8),)
    yield Figure("ingest with 5 % duplicates and 2 % corrections", "readings/s", taken["noisy"], taken["ours"], (), {}, goals, note)
    note = "number and sum of the stored values, compared with what was sent"
    yield Figure(
        "runs with doubles and corrections whose result differed", "runs", [wrong], goals=(Goal("value", 0, at_most=True),), note=note
    )


def single(world: World) -> Iterator[Figure]:
    """One reading per message."""
    points = int(SINGLE_POINTS * world.scale)
    taken = in_turn(
        world.rounds,
        ours=lambda: taken_by(world, list(singles(_new(), points, SLOTS))),
        floor=lambda: bare_singles(world, list(singles(_new(), points, SLOTS))),
    )
    note = f"{points * SLOTS:,} messages a run"
    goals = (Goal("floor", 0.6), Goal("value", 70_000))
    yield Figure("ingest, one reading per message", "readings/s", taken["ours"], taken["floor"], (), {}, goals, note)


def scaling(world: World) -> Iterator[Figure]:
    """1, 2 and 4 workers of one group on the 12 partitions."""
    points = int(POINTS * world.scale)
    taken = in_turn(
        max(2, world.rounds - 1),
        one=lambda: taken_by(world, list(blocks(_new(), points, DAYS)), 1),
        two=lambda: taken_by(world, list(blocks(_new(), points, DAYS)), 2),
        four=lambda: taken_by(world, list(blocks(_new(), points, DAYS)), 4),
    )
    yield Figure("ingest with 1 worker of usage", "readings/s", taken["one"], note="two cores for workers, Postgres and Kafka")
    yield Figure("ingest with 2 workers", "readings/s", taken["two"], taken["one"], note="the floor is one worker")
    yield Figure("ingest with 4 workers", "readings/s", taken["four"], taken["one"], note="the floor is one worker")


INGEST = Benchmark(
    "ingest", "Ingest of day blocks", ingest,
    floor="a bare aiokafka consumer that decodes the same messages by msgspec, packs them, and upserts them through COPY: no validation, "
    "no inbox, no merge, no history, no event, no Usage Segment",
)  # fmt: skip
SINGLE = Benchmark("single", "Ingest of single readings", single, floor="the same loop with a row per reading")
SCALING = Benchmark("scaling", "More workers", scaling)
