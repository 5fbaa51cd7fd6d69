"""`python -m tests.bench [NAME ...]`: a stack of its own, the named benchmarks or all, a table, `.local/bench.json`, plots and the page."""

import sys
import time
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tests.bench import (
    bearer,
    building,
    capacity,
    consent,
    ingest,
    kill,
    mixed,
    month,
    paging,
    registration,
    report,
    requests,
    rest,
    revocation,
    storage,
    streaming,
    tracing,
)  # fmt: skip
from tests.bench.frame import Benchmark, Figure
from tests.bench.world import World, demo, new_stack

BENCHMARKS: tuple[Benchmark, ...] = (
    month.BENCHMARK,
    requests.LISTS,
    requests.TOKENS,
    registration.BENCHMARK,
    bearer.BENCHMARK,
    consent.FORM,
    consent.APPROVAL,
    revocation.BENCHMARK,
    building.BENCHMARK,
    tracing.BENCHMARK,
    rest.BENCHMARK,
    streaming.BENCHMARK,
    mixed.BENCHMARK,
    paging.BENCHMARK,
    ingest.INGEST,
    ingest.SINGLE,
    ingest.SCALING,
    storage.BENCHMARK,
    kill.BENCHMARK,
)
out = Console()


def main(names: list[str]) -> int:
    """Measure and write."""
    unknown = set(names) - {each.name for each in BENCHMARKS}
    if unknown:
        out.print(f"no benchmark is named {', '.join(sorted(unknown))}; there are: {', '.join(each.name for each in BENCHMARKS)}")
        return 2
    wanted = [each for each in BENCHMARKS if not names or each.name in names]
    failed = 0
    with new_stack() as stack:
        world = World(stack, named=bool(names))
        world.send(demo())
        for each in wanted:
            failed += not _measure(world, each)
    report.write()
    capacity.write()
    return int(failed > 0)


def _measure(world: World, benchmark: Benchmark) -> bool:
    """Run one and keep what it gave; one that fails does not take the others with it."""
    began, figures = time.monotonic(), list[Figure]()
    try:
        figures += benchmark.run(world)
    except Exception:  # noqa: BLE001  # shown, counted in the exit code, and the next one is measured
        out.print_exception(max_frames=8)
    report.keep(benchmark, figures, seconds=time.monotonic() - began)
    out.print(_table(benchmark, figures, time.monotonic() - began))
    return bool(figures)


def _table(benchmark: Benchmark, figures: Iterable[Figure], seconds: float) -> Table:
    table = Table(
        "what", "median", "unit", "x floor", "x naive", "p95 / p99 ms", "goals", "note", title=f"{benchmark.title} ({seconds:.0f} s)"
    )
    for figure in figures:
        marks = [f"{'✓' if goal.met(figure.reading(goal.of)) else '✗'} {goal.words(figure.unit)}" for goal in figure.goals]
        tail = " / ".join(f"{figure.percentiles[name]:,.1f}" for name in ("p95", "p99") if name in figure.percentiles)
        ratios = [f"{ratio:.2f}" if (ratio := figure.reading(of)) is not None else "" for of in ("floor", "naive")]
        table.add_row(figure.what, f"{figure.value:,.1f}", figure.unit, *ratios, tail, "\n".join(marks), figure.note)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
