"""What the use cases need to know of the utility's file."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rule:
    """At least `min_customers`, none with more than `max_share` (0..1) within `window` (an RFC 3339 duration)."""

    min_customers: int
    max_share: Decimal
    window: str


class Rules(Protocol):
    """The utility's declarations about groups."""

    @property
    def timezone(self) -> str:
        """Name of `cds_timezone`."""
        ...

    @property
    def usage_scope(self) -> str | None:
        """The scope by which a Client asks for usage; None when none is offered."""
        ...

    def rule(self, aggregation_types: list[str]) -> Rule:
        """The threshold for an Aggregation of these types."""
        ...

    def window_start(self, rule: Rule, now: datetime) -> datetime:
        """The first moment of the window that ends at `now`."""
        ...
