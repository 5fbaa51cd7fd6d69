"""From a Grant entry and the true relations to what it opens: the one place where visibility is decided (design §4).

How the text of CDS-WG3-01 §6, §7.2 is read, where it can be read in two ways:
- The ticks and the customers who ticked are hard bounds. An included Account never opens the bills or usage of contracts that
  were not ticked: usage is reached by what was ticked alone (§6.1.9), a section by its account AND a ticked contract (§6.1.8),
  a statement by the account, and that only with include_bill_statements (implied by §6.1.7).
- "Service Contracts of any included Account" holds when the Account was ticked itself, or for direct access (A10).
- Parents of included Accounts are shown when they are the same customer's; their bills and usage are not opened.
- Service Points and Meter Devices are also found from included contracts and points, by current relations only (A11).
- References of the past (previous_*) lead to the customers' own objects only (A31), and to points and meters for the time in
  which they served an own contract: a later tenant's Grant never reaches back, a former tenant's never forward.
- What usage or bills refer to is included only if related inside the granted range of usage or bills.
- A customer's Aggregation is one whose members all serve this customer now; its sums open from when that began.
- The consent to be counted in an Aggregation (§6.1.10) opens no object at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID

from cds_common.access import flags as f
from cds_common.access.catalogue import INFINITE, SCOPE_TYPES, is_direct
from cds_common.access.closure import FLAG_OF, KINDS, Sets, close, empty_sets, sets_with
from cds_common.access.consent_basis import Anchors, Reach, Spans, Times, consent_reach
from cds_common.access.direct_basis import direct_reach, filters_of
from cds_common.access.durations import parse_date, parse_instant
from cds_common.access.flags import touched_services
from cds_common.access.relations import CHAIN, ObjectKind, Relations, Window
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry, Selection
from cds_common.events.resources import EntitlementEntry, ObjectSet, ObjectSets, Reached

__all__ = ["SeedQuery", "freeze_at", "is_unbounded", "resolve_entry", "seed_query", "touched_services"]

Moment = TypeVar("Moment", date, datetime)

_SET_NAMES: Mapping[ObjectKind, str] = {
    "account": "accounts",
    "service_contract": "service_contracts",
    "service_point": "service_points",
    "meter_device": "meter_devices",
    "aggregation": "aggregations",
}


@dataclass(frozen=True, slots=True)
class SeedQuery:
    """What must be loaded to resolve an entry, with its neighbourhood (accounts, contracts, points, meters, aggregations around it).

    `nothing`: no relation is needed (no data scope, or all of the environment). Otherwise the union of: everything of
    `customer_ids`; the objects `selected`; accounts with `account_refs` or `account_types`, or of `account_customers`; objects that
    `filters` match (field -> values, any value) and, with `everything`, only these; aggregations with `aggregation_numbers`, or all.
    """

    nothing: bool
    customer_ids: frozenset[UUID] = frozenset()
    selected: Selection | None = None
    everything: bool = False
    account_refs: frozenset[str] = frozenset()
    account_types: frozenset[str] = frozenset()
    account_customers: frozenset[UUID] = frozenset()
    aggregation_numbers: frozenset[str] = frozenset()
    all_aggregations: bool = False
    filters: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])


def freeze_at(entry: GrantEntry, now: datetime) -> datetime:
    """The moment whose relations and data the entry sees: now, or `sync_until` once it has passed (§7.3.1)."""
    until = _instant(entry.details.get("sync_until"))
    return now if until is None or now < until else until


def is_unbounded(permission: DirectPermission, details: Mapping[str, Any]) -> bool:
    """Whether a direct entry sees its whole environment: a predicate, never a list."""
    return permission.everything and not filters_of(details)


def seed_query(entry: GrantEntry, customer_ids: Iterable[UUID]) -> SeedQuery:
    """What `resolve_entry` needs in `relations` for this entry."""
    if not f.effective_flags(entry.scope_type, entry.details):
        return SeedQuery(nothing=True)
    if not is_direct(entry.scope_type):
        return SeedQuery(entry.selection is None, frozenset(customer_ids), entry.selection)
    permission = entry.permission or DirectPermission()
    return SeedQuery(
        is_unbounded(permission, entry.details),
        everything=permission.everything,
        account_refs=frozenset(permission.account_refs),
        account_types=frozenset(permission.account_types),
        account_customers=frozenset(permission.customer_ids),
        aggregation_numbers=frozenset(permission.aggregation_numbers),
        all_aggregations=permission.all_aggregations or permission.everything,
        filters=filters_of(entry.details),
    )


def resolve_entry(entry: GrantEntry, *, customer_ids: Iterable[UUID], relations: Relations) -> EntitlementEntry:
    """What the entry opens, given the relations as they stood at `freeze_at(entry, now)`.

    A consent without a recorded selection, or direct access without a recorded permission, opens nothing.
    """
    flags = f.effective_flags(entry.scope_type, entry.details)
    if not flags:
        return _answer(entry, frozenset(), ObjectSets(), ObjectSets(), ObjectSets())
    if is_direct(entry.scope_type):
        permission = entry.permission or DirectPermission()
        flags -= frozenset(permission.withheld_fields)
        if is_unbounded(permission, entry.details):
            return _everything(entry, flags)
        reach = direct_reach(relations, permission, entry.details, _opened(entry.scope_type))
    elif entry.selection is None:
        return _answer(entry, frozenset(), ObjectSets(), ObjectSets(), ObjectSets())
    else:
        reach = consent_reach(relations, frozenset(customer_ids), entry.selection, _spans(entry.details))
    return _resolved(entry, flags, reach, relations)


def _opened(scope_type: str) -> frozenset[ObjectKind]:
    return frozenset(kind for kind, flag in FLAG_OF.items() if flag in SCOPE_TYPES[scope_type].implied)


def _resolved(entry: GrantEntry, flags: frozenset[str], reach: Reach, relations: Relations) -> EntitlementEntry:
    visible = close(relations, reach.basis, flags)
    shown = _sets(visible, reach.times)
    if is_direct(entry.scope_type) and _all_aggregations(entry) and f.AGGREGATIONS in flags:
        shown = shown.model_copy(update={"aggregations": ObjectSet(all=True)})
    usage = reach.anchors.usage if f.USAGE in flags else empty_sets()
    flags = _gated(entry.scope_type, flags, visible, reach.anchors)
    answer = _answer(entry, flags, shown, _sets(usage, reach.anchors.times), _bill_sets(flags, reach.anchors))
    answer = answer.model_copy(update={"sections_by_account": reach.anchors.sections_by_account and f.SECTIONS in flags})
    return answer.model_copy(update=_beneficiaries(visible, relations)) if f.EACS in flags else answer


def _all_aggregations(entry: GrantEntry) -> bool:
    permission = entry.permission or DirectPermission()
    return permission.all_aggregations and not filters_of(entry.details)


def _gated(scope_type: str, flags: frozenset[str], visible: Sets, anchors: Anchors) -> frozenset[str]:
    """Statements go with accounts to which a consent gives access (§7.2.5): without any account of the bound, none."""
    if f.STATEMENTS in flags and not is_direct(scope_type) and not visible["account"] & anchors.bill_accounts:
        return flags - {f.STATEMENTS}
    return flags


def _bill_sets(flags: frozenset[str], anchors: Anchors) -> ObjectSets:
    if not flags & {f.STATEMENTS, f.SECTIONS}:
        return ObjectSets()
    contracts = anchors.bill_contracts if f.SECTIONS in flags else frozenset[UUID]()
    return _sets(sets_with({"account": anchors.bill_accounts, "service_contract": contracts}), {})


def _sets(sets: Sets, times: Times) -> ObjectSets:
    return ObjectSets(**{_SET_NAMES[kind]: ObjectSet(objects=_reached(sets[kind], times)) for kind in KINDS})


def _reached(ids: frozenset[UUID], times: Times) -> list[Reached]:
    return [Reached(id=each, start=start, end=end) for each in sorted(ids, key=str) for start, end in times.get(each, [Window()])]


def _everything(entry: GrantEntry, flags: frozenset[str]) -> EntitlementEntry:
    every = ObjectSet(all=True)
    shown = ObjectSets(**{_SET_NAMES[kind]: every for kind in KINDS if FLAG_OF[kind] in flags})
    chain = ObjectSets(**{_SET_NAMES[kind]: every for kind in CHAIN})
    bills = ObjectSets(accounts=every, service_contracts=every) if flags & {f.STATEMENTS, f.SECTIONS} else ObjectSets()
    answer = _answer(entry, flags, shown, chain if f.USAGE in flags else ObjectSets(), bills)
    return answer.model_copy(update={"sections_by_account": f.SECTIONS in flags})


def _beneficiaries(visible: Sets, relations: Relations) -> dict[str, list[str]]:
    """Names by which certificates point at included accounts and contracts (§7.2.9)."""
    accounts = [relations.accounts[each] for each in visible["account"]]
    contracts = [relations.contracts[each] for each in visible["service_contract"]]
    programs = {program for each in (*accounts, *contracts) for program in each.programs}
    return {
        "customer_numbers": sorted({each.customer_number for each in accounts if each.customer_number is not None}),
        "rateplan_codes": sorted({each.rateplan for each in contracts if each.rateplan is not None}),
        "program_numbers": sorted(programs),
    }


def _spans(details: Mapping[str, Any]) -> Spans:
    """The granted ranges; dates count as whole days of UTC widened by a day, since they only choose what is related."""
    bills = Window(_midnight(details.get("start_date")), None)
    return Spans(bills, Window(_instant(details.get("segment_start")), _instant(details.get("segment_end"))))


def _midnight(value: Any) -> datetime | None:
    day = _date(value)
    return None if day is None else parse_instant(f"{day.isoformat()}T00:00:00+14:00")


def _instant(value: Any) -> datetime | None:
    return None if value is None or value == INFINITE else parse_instant(value)


def _date(value: Any) -> date | None:
    return None if value is None or value == INFINITE else parse_date(value)


def _later(asked: Moment | None, permitted: Moment | None) -> Moment | None:
    return max((each for each in (asked, permitted) if each is not None), default=None)


def _answer(entry: GrantEntry, flags: frozenset[str], visible: ObjectSets, reach: ObjectSets, bills: ObjectSets) -> EntitlementEntry:
    details = entry.details
    formats = details.get(f.VALUE_TYPES) if {f.USAGE, f.VALUE_TYPES} <= flags else None
    floor = entry.permission.data_from if entry.permission is not None and is_direct(entry.scope_type) else None
    day = None if floor is None else floor.astimezone(UTC).date()
    return EntitlementEntry(
        entry_no=entry.entry_no,
        scope=entry.scope,
        scope_type=entry.scope_type,
        visible=visible,
        reach=reach,
        bill_reach=bills,
        flags=sorted(flags),
        value_formats=None if formats is None else list(formats),
        statement_date_start=_later(_date(details.get("statement_date_start")), day),
        statement_date_end=_date(details.get("statement_date_end")),
        start_date=_later(_date(details.get("start_date")), day),
        end_date=_date(details.get("end_date")),
        segment_start=_later(_instant(details.get("segment_start")), floor),
        segment_end=_instant(details.get("segment_end")),
        sync_until=_instant(details.get("sync_until")),
        shown_account_programs=details.get("account_programs") if entry.scope_type == "cds_account_programs" else None,
        shown_service_programs=details.get("service_programs") if entry.scope_type == "cds_service_programs" else None,
    )
