"""What a load did, counted while it runs; refusals name file, line and reason."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ValidationError

from cds_common.events.utility import ReadingsRecordedV1, UtilityEvent

MAX_REFUSALS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that was not loaded."""

    source: str
    line: int | None
    reason: str


@dataclass(slots=True)
class Summary:
    """Counts by kind; only the first thousand refusals keep their text, all are counted."""

    loaded: Counter[str] = field(default_factory=Counter[str])
    skipped: Counter[str] = field(default_factory=Counter[str])
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    refused: int = 0

    def as_json(self) -> dict[str, Any]:
        """For a load that goes on later."""
        return {
            "loaded": dict(self.loaded), "skipped": dict(self.skipped), "refusals": [asdict(one) for one in self.refusals],
            "refused": self.refused,
        }  # fmt: skip

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> "Summary":
        """The reverse of `as_json`."""
        refusals = [Refusal(**refusal) for refusal in kept["refusals"]]
        return cls(Counter(kept["loaded"]), Counter(kept["skipped"]), refusals, kept["refused"])

    def count(self, event: UtilityEvent) -> None:
        """Count a message by its topic, and the values in it."""
        self.loaded[event.topic.removeprefix("utility.")] += 1
        if isinstance(event, ReadingsRecordedV1):
            self.loaded["readings"] += len(event.values)

    @property
    def messages(self) -> int:
        """Messages counted."""
        return self.loaded.total() - self.loaded["readings"]

    def refuse(self, source: str, line: int | None, reason: str) -> None:
        """Count a refusal and keep its place and reason."""
        self.refused += 1
        if len(self.refusals) < MAX_REFUSALS_KEPT:
            self.refusals.append(Refusal(source, line, reason))


def reason_of(error: Exception) -> str:
    """Why a fact was refused, without its values: members of a message by name."""
    if isinstance(error, ValidationError):
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"]))) for fault in faults)
    return str(error)
