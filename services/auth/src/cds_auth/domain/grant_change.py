"""What a Client may change of its Grant, and whether a customer has to agree (CDS-WG1-02 §8.7).

A change that only takes away works at once. Anything else, and anything that these rules cannot judge, is a widening.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cds_auth.domain.grant import Grant, GrantEntry

_STARTS = frozenset({"statement_date_start", "start_date", "segment_start"})
"""A later one shows less; "infinite" shows all."""
_ENDS = frozenset({"sync_until", "statement_date_end", "end_date", "segment_end", "expires"})
"""An earlier one shows less; "infinite" shows all."""
_LIMITING_LISTS = frozenset(
    {
        "customer_numbers", "account_numbers", "account_types", "account_programs", "contract_numbers", "service_types",
        "rateplan_codes", "service_programs", "servicepoint_numbers", "premise_numbers", "meter_numbers",
        "aggregation_numbers", "addresses",
    }
)  # fmt: skip
"""Preselections: null limits nothing, a list limits to its members."""
_SHOWING_LISTS = frozenset({"include_usage_segment_value_types"})
"""Null shows no column, a list shows its members."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One scope as the Client wants it: effective details, absolute times; None for a scope without details."""

    scope: str
    scope_type: str
    details: Mapping[str, Any] | None


def is_reduction(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Whether `after` opens nothing that `before` does not open."""
    if before is None or after is None:
        return before is None and after is None
    names = before.keys() | after.keys()
    return all(_reduces(name, before.get(name), after.get(name)) for name in names)


def change_entries(grant: Grant, wanted: Sequence[Wanted], *, needs_customer: bool, at: datetime) -> Grant:
    """The Grant with the wanted scopes: cut ones at once, wider ones beside what works until they may replace it.

    `needs_customer`: a widening waits for an authorization (consent scopes); otherwise it waits for the data services only.
    """
    present = {entry.scope: entry for entry in grant.asked}
    serving = {entry.scope: entry for entry in grant.entries if entry.superseded}
    number = grant.next_entry_no()
    entries: list[GrantEntry] = []
    for wish in wanted:
        before = serving.get(wish.scope) or present.get(wish.scope)
        if before is not None and before.authorized and is_reduction(before.details, wish.details):
            entries.append(replace(before, details=wish.details, superseded=False))
            continue
        if before is not None and before.authorized and before.enabled:
            entries.append(replace(before, superseded=True))
        permission = before.permission if before is not None else _permission(grant)
        entries.append(GrantEntry(number, wish.scope, wish.scope_type, wish.details, None, permission, authorized=not needs_customer))
        number += 1
    same = tuple(entries) == grant.entries
    return grant if same else grant.with_entries(tuple(entries), at)


def _permission(grant: Grant) -> Mapping[str, Any] | None:
    return next((entry.permission for entry in grant.entries if entry.permission is not None), None)


def _reduces(name: str, before: Any, after: Any) -> bool:
    if before == after:
        return True
    if isinstance(before, bool):
        return before and after is False and name.startswith("include_")
    if name in _STARTS:
        return before == "infinite" or (after != "infinite" and _later(after, before))
    if name in _ENDS:
        return before == "infinite" or (after != "infinite" and _later(before, after))
    if name in _LIMITING_LISTS:
        return after is not None and (before is None or _within(after, before))
    if name in _SHOWING_LISTS:
        return after is None or (before is not None and _within(after, before))
    return False


def _within(part: Sequence[Any], whole: Sequence[Any]) -> bool:
    return {str(each) for each in part} <= {str(each) for each in whole}


def _later(one: Any, other: Any) -> bool:
    """Two dates, or two datetimes with an offset. Seconds have a fraction or none, so text would not do."""
    try:
        return datetime.fromisoformat(one) >= datetime.fromisoformat(other)
    except (ValueError, TypeError):  # no text, no time, or a date beside a datetime
        return False
