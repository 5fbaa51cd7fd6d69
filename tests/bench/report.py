"""`.local/bench.json`, a plot per metric and the page `docs/benchmarks/README.md`, from what was measured last."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawing

from tests.bench.frame import Benchmark, Figure
from tests.bench.world import ROOT

FILE = ROOT / ".local" / "bench.json"
FOLDER = ROOT / "docs" / "benchmarks"
COLOURS = {"ours": "#1f6f8b", "floor": "#8f8f8f", "naive": "#c9753d"}


def load() -> dict[str, Any]:
    """What was measured so far, by benchmark."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def keep(benchmark: Benchmark, figures: Sequence[Figure], *, seconds: float) -> None:
    """Put one benchmark's figures in place of its older ones."""
    if not figures:
        return
    document = load()
    document[benchmark.name] = {
        "title": benchmark.title, "measured": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(seconds, 1),
        "machine": _machine(), "floor": benchmark.floor, "naive": benchmark.naive, "figures": [each.document() for each in figures],
    }  # fmt: skip
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(document, indent=1))


def _machine() -> dict[str, Any]:
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 2**20
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    return {"cores": os.cpu_count(), "memory_gib": memory, "processor": model, "load_average": round(os.getloadavg()[0], 1)}


def write() -> None:
    """Draw the plots and write the page."""
    document = load()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, entry in document.items():
        _plot(name, entry)
    (FOLDER / "README.md").write_text(_page(document))


def _plot(name: str, entry: dict[str, Any]) -> None:
    """A panel per figure: medians with the runs as dots, the percentiles beside where latency is the subject."""
    figures = entry["figures"]
    drawn = Drawing(figsize=(7, 0.7 + 1.35 * len(figures)), layout="constrained")
    axes = drawn.subplots(len(figures), 1, squeeze=False)
    for axis, figure in zip(axes[:, 0], figures, strict=True):
        bars = [("ours", figure["value"]), ("floor", figure["floor"]), ("naive", figure["naive"])]
        if figure["percentiles_ms"] and figure["unit"] == "ms":
            bars = [(key, value) for key, value in figure["percentiles_ms"].items()]
        bars = [(label, value) for label, value in bars if value is not None][::-1]
        axis.barh(
            [label for label, _ in bars], [value for _, value in bars], color=[COLOURS.get(label, COLOURS["ours"]) for label, _ in bars]
        )
        for position, (_, value) in enumerate(bars):
            axis.annotate(f" {value:,.4g}", (value, position), va="center", fontsize=8)
        axis.margins(x=0.15)
        axis.set_title(f"{figure['what']} [{figure['unit']}]", fontsize=9, loc="left")
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    drawn.savefig(FOLDER / f"{name}.png", dpi=90, metadata={"Software": None})


_HEAD = """# Benchmarks
Written by `make bench` from `.local/bench.json`; `make bench BENCH=name` measures one again and keeps the others. Every figure was taken
through the whole stack of the local runner: PostgreSQL (fsync on), Kafka, the ingress, all twelve processes and the load generator **share
the cores with each other and with other programs of the machine**. So quote the ratios: floor and naive variant took turns with ours in the
same run. One request in ten is traced. Rate limits are in the path, set so high that they never refuse.

"""


def _page(document: dict[str, Any]) -> str:
    text = [
        _HEAD,
        _crowded(document),
        "| benchmark | median | of the floor | of the naive variant | p50 / p95 / p99 ms | goal |\n|---|---|---|---|---|---|\n",
    ]
    text += [_row(figure) for entry in document.values() for figure in entry["figures"]]
    for name, entry in document.items():
        machine = entry["machine"]
        text.append(f"\n## {entry['title']} (`{name}`)\n")
        text += [f"{label}: {entry[key]}.\n\n" for label, key in (("Floor", "floor"), ("Naive variant", "naive")) if entry[key]]
        text += [f"- {figure['what']}: {figure['note']}\n" for figure in entry["figures"] if figure["note"]]
        text.append(
            f"\nMeasured {entry['measured'][:10]} in {entry['seconds']:.0f} s on {machine['cores']} cores ({machine['processor']}), "
            f"{machine['memory_gib']} GiB, load average {machine['load_average']} at the end.\n\n![{entry['title']}]({name}.png)\n"
        )
    return "".join(text)


def _crowded(document: dict[str, Any]) -> str:
    """A warning when the machine was busy with other things than the benchmark."""
    machines = [entry["machine"] for entry in document.values()]
    if all(each["load_average"] <= 3 * each["cores"] for each in machines):
        return ""
    loads = [each["load_average"] for each in machines]
    return (
        f"**Other programs kept the machine busy**: load average {min(loads)} to {max(loads)} on {machines[0]['cores']} cores. A path\n"
        "through many processes then gets a smaller share of them than a floor of one or two, so neither rates nor ratios judge\n"
        "a goal here; the CPU per request does. Measure again on a quiet machine.\n\n"
    )


def _row(figure: dict[str, Any]) -> str:
    ratios = [f"{figure[key]:.2f}" if figure[key] is not None else "" for key in ("floor_ratio", "naive_ratio")]
    tails = figure["percentiles_ms"]
    tail = " / ".join(f"{tails[key]:,.1f}" for key in ("p50", "p95", "p99") if key in tails)
    goals = "; ".join(f"{goal['words']}: {'met' if goal['met'] else '**not met**'}" for goal in figure["goals"])
    return f"| {figure['what']} | {figure['value']:,.4g} {figure['unit']} | {' | '.join(ratios)} | {tail} | {goals} |\n"
