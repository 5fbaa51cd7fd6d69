"""When the sum of a group hides its members well enough (CDS-WG3-01 §10.7.5, §10.7.6, §12.3).

The numbers are the jurisdiction's and come from the utility's configuration; the rule here is common.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

Requirement = Literal["always", "sometimes", "never"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At least `min_customers`, and none with more than `max_share` (0..1) of the total in the window that was looked at."""

    min_customers: int
    max_share: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """An Aggregation as the rule sees it.

    `customers`: who has a contract at a member point now. `totals`: per kind of value, what each customer's points used in
    the window (absolute amounts, so that export does not hide consumption); the key None collects points without a contract.
    """

    aggregation_id: UUID
    members: frozenset[UUID]
    customers: frozenset[UUID]
    totals: Mapping[int, Mapping[UUID | None, Decimal]]
    all_known: bool
    """Whether every member point has arrived; without them nobody can be counted."""


def evaluate(group: Group, thresholds: Thresholds, neighbours: Iterable[frozenset[UUID]]) -> Requirement:
    """`never` when the thresholds are met, `always` when they are not, `sometimes` while it cannot be said.

    `neighbours` are the members of other requestable Aggregations that share a member with this one: where the difference of
    two groups is smaller than the smallest group allowed, subtracting one from the other would show it.
    """
    if not group.members or not group.all_known:
        return "sometimes"
    if len(group.customers) < thresholds.min_customers:
        return "always"
    if any(0 < len(group.members ^ other) < thresholds.min_customers for other in neighbours):
        return "always"
    if not any(sum(totals.values()) for totals in group.totals.values()):
        return "sometimes"
    return "always" if any(_dominated(totals, thresholds.max_share) for totals in group.totals.values()) else "never"


def _dominated(totals: Mapping[UUID | None, Decimal], max_share: Decimal) -> bool:
    whole = sum(totals.values(), Decimal(0))
    return any(customer is not None and part > whole * max_share for customer, part in totals.items())
