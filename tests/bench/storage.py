"""Bytes that a meter's day takes, in each place where it lies."""

from collections.abc import Iterator
from uuid import uuid4

from tests.bench.frame import Benchmark, Figure
from tests.bench.messages import blocks
from tests.bench.taking import taken_by
from tests.bench.world import World

POINTS, DAYS = 1_000, 31
PLACES = {
    "usage, values (`day_block`)": ("usage", "day_block%", True),
    "usage, index of segments": ("usage", "usage_segment", True),
    "usage, inbox and outbox until they are swept": ("usage", "{inbox,outbox}", False),
    "aggregation, members' days": ("aggregation", "member_day%", True),
    "aggregation, inbox until it is swept": ("aggregation", "{inbox}", False),
}
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes FROM pg_class c
    WHERE c.relkind = 'r' AND (c.relname LIKE $1 OR c.relname = ANY($2::text[]))
"""


def run(world: World) -> Iterator[Figure]:
    """Growth of the tables by a month of day blocks, by the days and meters of it; the topic's log by its files."""
    points = int(POINTS * world.scale)
    world.settle()
    before = {place: _size(world, *where) for place, where in PLACES.items()}
    kafka_before = _log_bytes(world)
    taken_by(world, list(blocks(f"BENCH-S{uuid4().hex[:6]}", points, DAYS)))
    world.settle()
    days = points * DAYS
    for place, where in PLACES.items():
        yield Figure(place, "bytes per meter and day", [(_size(world, *where) - before[place]) / days])
    yield Figure("Kafka, topic of readings", "bytes per meter and day", [(_log_bytes(world) - kafka_before) / days], note="not compressed")


def _size(world: World, service: str, pattern: str, _kept: bool) -> int:
    names = pattern.strip("{}").split(",") if pattern.startswith("{") else []
    return int(world.sql(service, _SIZE, pattern, names)[0]["bytes"])


def _log_bytes(world: World) -> int:
    folder = world.stack.layout.state / "kafka"
    return sum(file.stat().st_size for file in folder.rglob("*.log") if "utility.meter-readings-" in str(file.parent.name))


BENCHMARK = Benchmark("storage", "Bytes per meter and day", run)
