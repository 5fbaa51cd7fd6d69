"""What one entry of a Grant opens for a request, as data services hold it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from cds_common.events.grants import SelectionKind
from cds_common.events.resources import ObjectSet, ObjectSets

Kind = SelectionKind
Sets = Literal["visible", "reach", "bill_reach"]
"""Listable objects, anchors of usage, anchors of bills (`EntitlementEntry`)."""
SETS: tuple[Sets, ...] = get_args(Sets)
KINDS: tuple[Kind, ...] = get_args(SelectionKind)

WINDOWS = ("statement_date_start", "statement_date_end", "start_date", "end_date", "segment_start", "segment_end", "sync_until")
"""Columns of `entitlement_entry` that bound an entry in time."""

_FIELDS: dict[Kind, str] = {
    "account": "accounts",
    "service_contract": "service_contracts",
    "service_point": "service_points",
    "meter_device": "meter_devices",
    "aggregation": "aggregations",
}


def object_set(sets: ObjectSets, kind: Kind) -> ObjectSet:
    """The set of `kind` in `sets`."""
    found: ObjectSet = getattr(sets, _FIELDS[kind])
    return found


def object_sets(by_kind: Mapping[Kind, ObjectSet]) -> ObjectSets:
    """Sets by kind as one contract member; kinds that are not given stay empty."""
    return ObjectSets(**{_FIELDS[kind]: found for kind, found in by_kind.items()})


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An enabled entry of an open Grant. `slot` is its place in `Access.entries`; windows are bounded as in CDS-WG3-01 §7.3."""

    slot: int
    grant_id: str
    entry_no: int
    scope: str
    scope_type: str
    flags: frozenset[str]
    value_formats: tuple[str, ...] | None
    statement_date_start: date | None
    statement_date_end: date | None
    start_date: date | None
    end_date: date | None
    segment_start: datetime | None
    segment_end: datetime | None
    sync_until: datetime | None
    customer_numbers: tuple[str, ...]
    rateplan_codes: tuple[str, ...]
    program_numbers: tuple[str, ...]
    visible_all: frozenset[str]
    reach_all: frozenset[str]
    bill_reach_all: frozenset[str]
    sections_by_account: bool
    shown_account_programs: tuple[str, ...] | None
    """Only these programs of an Account are shown; None = all (§6.1.2)."""
    shown_service_programs: tuple[str, ...] | None

    @classmethod
    def of(cls, slot: int, row: Any) -> "OpenEntry":
        """Read a row that has the columns of `entitlement_entry`."""
        return cls(
            slot, row.grant_id, row.entry_no, row.scope, row.scope_type, frozenset(row.flags), _tuple(row.value_formats),
            row.statement_date_start, row.statement_date_end, row.start_date, row.end_date, row.segment_start, row.segment_end,
            row.sync_until, tuple(row.customer_numbers), tuple(row.rateplan_codes), tuple(row.program_numbers),
            frozenset(row.visible_all), frozenset(row.reach_all), frozenset(row.bill_reach_all), row.sections_by_account,
            _tuple(row.shown_account_programs), _tuple(row.shown_service_programs),
        )  # fmt: skip

    def opens_all(self, kind: Kind, sets: Sets) -> bool:
        """Whether the entry opens every object of `kind` in the environment."""
        by_sets = {"visible": self.visible_all, "reach": self.reach_all, "bill_reach": self.bill_reach_all}
        return kind in by_sets[sets]


def _tuple(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
