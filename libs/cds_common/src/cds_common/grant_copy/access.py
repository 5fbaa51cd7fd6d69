"""What a token opens, and the SQL that keeps every read inside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Subquery, Text, Uuid, and_, bindparam, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by, array, array_agg

from cds_common.grant_copy.entry import WINDOWS, Kind, OpenEntry, Sets
from cds_common.grant_copy.tables import TABLES
from cds_common.ids import Environment

_NAMES = ("opened_slots", "opened_grants", "opened_entries")
_TYPES = (ARRAY(Integer), ARRAY(Text), ARRAY(Integer))


@dataclass(frozen=True, slots=True)
class Access:
    """The open entries of one token's Grants; everything that a query may show follows from them (design §4)."""

    environment: Environment
    client_id: str
    registration_id: str
    token_id: str
    grant_ids: tuple[str, ...]
    entries: tuple[OpenEntry, ...]
    encryption_key: Mapping[str, Any] | None = None
    """The public key (JWK) to which answers are encrypted besides HTTPS; None = plain (CDS-WG3-01 §7.4.6)."""
    _unions: dict[tuple[int, ...], frozenset[str]] = field(default_factory=dict[tuple[int, ...], frozenset[str]], repr=False, compare=False)

    def through(self, grant_id: str) -> "Access":
        """What the token opens through this Grant alone; nothing when it is not one of its open Grants."""
        kept = [entry for entry in self.entries if entry.grant_id == grant_id]
        entries = tuple(replace(entry, slot=slot) for slot, entry in enumerate(kept))
        return replace(self, grant_ids=tuple(one for one in self.grant_ids if one == grant_id), entries=entries, _unions={})

    def slots(self, flag: str | None = None) -> tuple[int, ...]:
        """The entries that have `flag`; without one, all."""
        return tuple(entry.slot for entry in self.entries if flag is None or flag in entry.flags)

    def flags(self, slots: Iterable[int]) -> frozenset[str]:
        """The union of the flags of these entries: the mask of an object that all of them show."""
        key = tuple(slots)
        if key not in self._unions:
            self._unions[key] = frozenset[str]().union(*(self.entries[slot].flags for slot in key))
        return self._unions[key]

    def all_slots(self, kind: Kind, sets: Sets = "visible", flag: str | None = None) -> tuple[int, ...]:
        """The entries that open every object of `kind` in the environment."""
        return tuple(entry.slot for entry in self.entries if entry.opens_all(kind, sets) and (flag is None or flag in entry.flags))

    def frozen_at(self, slot: int, now: datetime) -> datetime | None:
        """The moment whose data the entry shows, when its `sync_until` has passed (CDS-WG3-01 §7.3.1); else None: the present."""
        until = self.entries[slot].sync_until
        return until if until is not None and until <= now else None

    def open_entries(self, flag: str | None = None) -> Subquery:
        """Rows `slot`, `grant_id`, `entry_no` and the windows, one per entry (with `flag`)."""
        opened = self._opened(flag)
        entry = TABLES.entitlement_entry
        return (
            select(opened.c.slot, entry.c.grant_id, entry.c.entry_no, *(entry.c[name] for name in WINDOWS))
            .join_from(opened, entry, and_(entry.c.grant_id == opened.c.grant_id, entry.c.entry_no == opened.c.entry_no))
            .subquery()
        )

    def objects(self, kind: Kind, sets: Sets, flag: str | None = None) -> Subquery:
        """Rows `slot`, `object_id`, `starts_at`, `ends_at` and the entry's windows, for each listed object of `kind`.

        Entries that open everything of the kind have no rows here: see `all_slots`.
        """
        opened, thing = self.open_entries(flag), TABLES.entitlement_object
        columns = [opened.c.slot, thing.c.object_id, thing.c.starts_at, thing.c.ends_at, *(opened.c[name] for name in WINDOWS)]
        return self._listed(kind, sets, opened).with_only_columns(*columns).subquery()

    def seen(self, kind: Kind, sets: Sets = "visible", flag: str | None = None) -> Subquery:
        """Rows `object_id`, `slots` (int[], ascending): each listed object with the entries that show it."""
        opened = self._opened(flag)
        thing = TABLES.entitlement_object.c.object_id
        slots = array_agg(aggregate_order_by(opened.c.slot.distinct(), opened.c.slot)).label("slots")
        return self._listed(kind, sets, opened).with_only_columns(thing, slots).group_by(thing).subquery()

    def sees(self, kind: Kind, id_column: ColumnElement[UUID], sets: Sets = "visible", flag: str | None = None) -> ColumnElement[bool]:
        """Whether the token sees the object `id_column`; the caller binds the environment."""
        if self.all_slots(kind, sets, flag):
            return true()
        found = self._listed(kind, sets, self._opened(flag)).where(TABLES.entitlement_object.c.object_id == id_column)
        return found.correlate_except(TABLES.entitlement_object).exists()

    def cut(self, kind: Kind, ids: ColumnElement[list[UUID]]) -> ColumnElement[list[UUID]]:
        """The members of a relation list that the token sees, in their order; never NULL."""
        empty = cast(array([], type_=Uuid), ARRAY(Uuid))
        if self.all_slots(kind):
            return func.coalesce(ids, empty)
        member = func.unnest(ids).table_valued(column("id", Uuid), with_ordinality="no", name="member").render_derived()
        kept = select(array_agg(aggregate_order_by(member.c.id, member.c.no))).where(self.sees(kind, member.c.id))
        return func.coalesce(kept.scalar_subquery(), empty)

    def parameters(self) -> dict[str, Any]:
        """Values of the bind parameters in the SQL that is made here without a flag, for a service that compiles it once."""
        return dict(zip(_NAMES, self._columns(self.entries), strict=True))

    def _columns(self, entries: Sequence[OpenEntry]) -> tuple[list[int], list[str], list[int]]:
        return [one.slot for one in entries], [one.grant_id for one in entries], [one.entry_no for one in entries]

    def _opened(self, flag: str | None) -> Any:
        values = self._columns([entry for entry in self.entries if flag is None or flag in entry.flags])
        suffix = "" if flag is None else f"_{flag}"
        binds = [bindparam(f"{name}{suffix}", value, kind) for name, value, kind in zip(_NAMES, values, _TYPES, strict=True)]
        return (
            func.unnest(*binds)
            .table_valued(column("slot", Integer), column("grant_id", Text), column("entry_no", Integer))
            .render_derived()
            .alias()
        )

    def _listed(self, kind: Kind, sets: Sets, opened: Any) -> Select[Any]:
        thing = TABLES.entitlement_object
        return (
            select(thing.c.object_id)
            .join_from(opened, thing, and_(thing.c.grant_id == opened.c.grant_id, thing.c.entry_no == opened.c.entry_no))
            # The bind's name says its value: a statement that is compiled once for all requests needs no other constant.
            .where(thing.c.kind == bindparam(f"kind_{kind}", kind, Text), thing.c[sets])
        )
