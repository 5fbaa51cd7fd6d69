"""`docs/capacity.md` from what was measured: `python -m tests.bench.capacity` (and at the end of each `make bench`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from tests.bench import report
from tests.bench.world import ROOT

PAGE = ROOT / "docs" / "capacity.md"
SIZES = (50_000, 5_000_000, 50_000_000)
NEEDED = ("ingest", "storage")

READINGS_A_DAY = 96
NIGHT_SHARE, NIGHT_HOURS = 0.8, 4
RETENTION_DAYS = 3 * 365
SPARE = 0.7
"""Use of a worker, a node's write rate and a disk that is planned for."""
NODE_DISK_BYTES = 4e12
KAFKA_DAYS = 7
PARTITIONS_AT_LEAST = 12


@dataclass(frozen=True, slots=True)
class Measured:
    """Readings a second of one worker with its share of the machine; bytes per meter and day."""

    readings_per_second: float
    kept_bytes: float
    swept_bytes: float
    kafka_bytes: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a utility of `meters` needs for readings."""

    meters: int
    peak: float
    workers: int
    partitions: int
    disk_bytes: float
    nodes: int
    kafka_bytes: float


def measured(document: Mapping[str, Any]) -> Measured:
    """From `bench.json`."""
    sizes = {figure["what"]: figure["value"] for figure in document["storage"]["figures"]}
    swept = sum(size for what, size in sizes.items() if "swept" in what)
    kafka = sum(size for what, size in sizes.items() if what.startswith("Kafka"))
    return Measured(document["ingest"]["figures"][0]["value"], sum(sizes.values()) - swept - kafka, swept, kafka)


def plan(meters: int, base: Measured) -> Plan:
    """The formulas of the page."""
    peak = meters * READINGS_A_DAY * NIGHT_SHARE / (NIGHT_HOURS * 3600)
    workers = ceil(peak / (base.readings_per_second * SPARE))
    disk = meters * (base.kept_bytes * RETENTION_DAYS + base.swept_bytes * 30)
    return Plan(
        meters=meters,
        peak=peak,
        workers=workers,
        partitions=max(PARTITIONS_AT_LEAST, PARTITIONS_AT_LEAST * ceil(workers / PARTITIONS_AT_LEAST)),
        disk_bytes=disk,
        nodes=max(ceil(disk / (NODE_DISK_BYTES * SPARE)), workers),
        kafka_bytes=meters * base.kafka_bytes * KAFKA_DAYS,
    )


def write() -> bool:
    """Write the page; False when a figure that it needs was never measured."""
    document = report.load()
    if any(name not in document for name in NEEDED):
        return False
    base = measured(document)
    PAGE.write_text(_page(base, [plan(meters, base) for meters in SIZES], document["ingest"]))
    return True


def _bytes(size: float) -> str:
    return f"{size / 1e12:,.1f} TB" if size >= 1e12 else f"{size / 1e9:,.0f} GB"


def _row(each: Plan) -> str:
    cells = (
        f"{each.meters:,}", f"{each.meters * READINGS_A_DAY / 1e6:,.1f} million", f"{each.peak:,.0f}", f"{each.workers:,}",
        f"{each.partitions:,}", _bytes(each.disk_bytes), f"{each.nodes:,}", _bytes(each.kafka_bytes),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _page(base: Measured, plans: list[Plan], ingest: Mapping[str, Any]) -> str:
    machine = ingest["machine"]
    ratio = ingest["figures"][0]["floor_ratio"]
    rows = "".join(map(_row, plans))
    return f"""# Capacity
How many workers, partitions, PostgreSQL nodes and disks the readings of a utility need. Written by `make bench` (`tests/bench/capacity.py`)
from the measured figures of [`benchmarks/`](benchmarks/README.md); after measuring on your own machines the page is about them.

## What was measured
| figure | value |
|---|---|
| one worker of usage, day blocks, Kafka to PostgreSQL | {base.readings_per_second:,.0f} readings/s, {ratio:.2f} of a bare loop |
| kept bytes per meter and day: values, segments, members' days, with indexes | {base.kept_bytes:,.0f} |
| the same until they are swept after a month (inbox, outbox) | {base.swept_bytes:,.0f} |
| bytes per meter and day in Kafka, not compressed | {base.kafka_bytes:,.0f} |

The rate was taken with worker, PostgreSQL, Kafka and eleven other processes on {machine["cores"]} shared cores (load average
{machine["load_average"]}): a worker with a core of its own does more, so the numbers of workers and nodes below are upper bounds.

## What follows
| meters | readings a day | readings/s at night | workers | partitions | disk for three years | nodes | Kafka, a week |
|---|---|---|---|---|---|---|---|
{rows}
## Formulas
- readings a day = meters x {READINGS_A_DAY} (quarter hours); {NIGHT_SHARE:.0%} of them arrive within {NIGHT_HOURS} hours after midnight:
  peak = meters x {READINGS_A_DAY} x {NIGHT_SHARE} / ({NIGHT_HOURS} x 3,600).
- workers = peak / (measured rate x {SPARE}), rounded up: the rest stays free for late, doubled and corrected readings.
- partitions of `utility.meter-readings` = the workers, rounded up to a multiple of {PARTITIONS_AT_LEAST};
  Set it before the first message; a later change moves keys to other partitions.
- disk = meters x (kept bytes x {RETENTION_DAYS:,} days + swept bytes x 30 days), for one copy; a replica takes as much again.
- nodes = the larger of disk / ({NODE_DISK_BYTES / 1e12:.0f} TB x {SPARE}) and the workers, since the rate was measured with one worker and
  one PostgreSQL together. From two nodes on the usage schema is distributed (decision 0008).
- Kafka = meters x bytes x {KAFKA_DAYS} days, for one replica.

Requests are planned apart from readings: `benchmarks/README.md` gives the milliseconds of CPU that each kind of request costs an api
process; cores = requests/s x milliseconds / 1,000 / {SPARE}. Api processes keep no state, so they are added without limit.
"""


if __name__ == "__main__":
    write()
