"""What a benchmark is: named figures with a goal, and a floor and a naive variant that were measured in the same run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bench.world import World

OK_SHARE = 1e-9


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit of one reading of a figure: `value`, `floor` or `naive` (ratios), or a percentile by its name."""

    of: str
    limit: float
    at_most: bool = False

    def words(self, unit: str) -> str:
        """As the table says it."""
        sign = "≤" if self.at_most else "≥"
        if self.of in {"floor", "naive"}:
            return f"{sign} {self.limit:g} x {self.of}"
        return f"{sign} {self.limit:,g} {unit}" if self.of == "value" else f"{self.of} {sign} {self.limit:g} ms"

    def met(self, reading: float | None) -> bool:
        """Whether the reading keeps the limit; what was not measured keeps none."""
        if reading is None:
            return False
        return reading <= self.limit + OK_SHARE if self.at_most else reading >= self.limit - OK_SHARE


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. Runs of the floor and of the naive variant took turns with ours; times are in milliseconds."""

    what: str
    unit: str
    runs: Sequence[float]
    floor: Sequence[float] = ()
    naive: Sequence[float] = ()
    percentiles: dict[str, float] = field(default_factory=dict[str, float])
    goals: Sequence[Goal] = ()
    note: str = ""

    @property
    def value(self) -> float:
        """Median of the runs."""
        return median(self.runs)

    def ratio(self, other: Sequence[float]) -> float | None:
        """Median of ours / other, run by run: what slows the machine down slows both."""
        return median(ours / theirs for ours, theirs in zip(self.runs, other, strict=True)) if other else None

    def reading(self, of: str) -> float | None:
        """What a goal looks at."""
        if of == "value":
            return self.value
        return self.ratio(self.floor if of == "floor" else self.naive) if of in {"floor", "naive"} else self.percentiles.get(of)

    def document(self) -> dict[str, Any]:
        """As `bench.json` holds it."""
        return {
            "what": self.what,
            "unit": self.unit,
            "value": self.value,
            "runs": list(self.runs),
            "floor": median(self.floor) if self.floor else None,
            "floor_ratio": self.reading("floor"),
            "naive": median(self.naive) if self.naive else None,
            "naive_ratio": self.reading("naive"),
            "percentiles_ms": self.percentiles,
            "goals": [{"words": goal.words(self.unit), "met": goal.met(self.reading(goal.of))} for goal in self.goals],
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`run` measures; the texts say what is compared with what."""

    name: str
    title: str
    run: Callable[["World"], Iterator[Figure]]
    floor: str = ""
    naive: str = ""


def in_turn(rounds: int, **ways: Callable[[], float]) -> dict[str, list[float]]:
    """Run each way once per round, so that all of them meet the same moods of the machine."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest."""
    return {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95), "p99": percentile(values, 0.99), "max": max(values)}
