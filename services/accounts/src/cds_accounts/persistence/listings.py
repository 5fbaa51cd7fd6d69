"""One query per listing, starting from what the token sees (design §4).

A row of `views` is one object as some entries of the token show it: the present, or the version that was valid at the
`sync_until` of frozen entries. An object that is shown in several ways is listed once, by its newest view; a filter or a
search matches when it matches one of the views under the flags of that view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import array, array_agg
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.conditions import Condition, View
from cds_accounts.persistence.tables import VERSIONS
from cds_common.events.resources import ResourceKind
from cds_common.grant_copy import Access
from cds_common.hot_sql import CompiledStatements, HotRow
from cds_common.paging import Turn

_MOMENT = TIMESTAMP(timezone=True)
_RELATIONS: dict[str, ResourceKind] = {
    "current_servicecontracts": "service_contract",
    "previous_servicecontracts": "service_contract",
    "current_servicepoints": "service_point",
    "previous_servicepoints": "service_point",
}
_UNLISTED = frozenset({"digest", "recorded_at", "newest", "environment", "ref", "contract_ids", "point_ids", "placements"})
_statements = CompiledStatements()


@dataclass(frozen=True, slots=True)
class ListingQuery:
    """The objects of one kind that a token sees at `now`, under conditions, newest change first."""

    kind: ResourceKind
    access: Access
    now: datetime
    conditions: Sequence[Condition] = ()

    async def page(self, session: AsyncSession, turn: Turn) -> Sequence[HotRow]:
        """One row more than the page holds: the columns of the kind's table, `slots`, and in how many `views` it is shown."""
        moment, object_id = turn.position or (None, None)
        parameters = self._parameters() | {"page_moment": moment, "page_id": object_id, "page_limit": turn.size + 1}
        key = ("page", self._key(), turn.backward, turn.position is None)
        statement = _statements.get(
            key, parameters, lambda: self._ordered(self.views(), backward=turn.backward, started=turn.position is not None)
        )
        return await statement.rows(session, parameters)

    async def all_views(self, session: AsyncSession, object_ids: Sequence[UUID]) -> Sequence[HotRow]:
        """Every view of these objects, conditions aside, the newest first."""
        plain = ListingQuery(self.kind, self.access, self.now)
        parameters = plain._parameters() | {"object_ids": list(object_ids)}
        return await _statements.get(("all", plain._key()), parameters, plain._every_view).rows(session, parameters)

    def _live(self) -> list[int]:
        return [one.slot for one in self.access.entries if self.access.frozen_at(one.slot, self.now) is None]

    def _frozen(self) -> list[int]:
        return [one.slot for one in self.access.entries if self.access.frozen_at(one.slot, self.now) is not None]

    def _all(self, slots: list[int]) -> list[int]:
        return [slot for slot in self.access.all_slots(self.kind) if slot in slots]

    def _key(self) -> tuple[Any, ...]:
        """What decides the SQL; values are not in it."""
        live, frozen = self._live(), self._frozen()
        everything = [bool(slots) for slots in (live, frozen, self._all(live), self._all(frozen))]
        everything.append(len(self._all(live)) == len(live))
        related = [bool(self.access.all_slots(kind)) for kind in ("service_contract", "service_point")]
        return (self.kind, *everything, *related, *(condition.key(self.access) for condition in self.conditions))

    def _parameters(self) -> dict[str, Any]:
        live, frozen = self._live(), self._frozen()
        values: dict[str, Any] = {
            "environment": self.access.environment,
            "live": live,
            "live_all": self._all(live),
            "frozen": frozen,
            "frozen_all": self._all(frozen),
            "moments": [self.access.frozen_at(slot, self.now) for slot in frozen],
            **self.access.parameters(),
        }
        for condition in self.conditions:
            values |= condition.parameters(self.access)
        return values

    def views(self) -> Subquery:
        """One row per object that matches."""
        frozen = bool(self._frozen())
        parts = [*([self._present()] if self._live() else []), *([self._past()] if frozen else [])]
        rows = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
        if not frozen:
            return rows
        same = rows.c.object_id
        ranked = select(
            *(column for name, column in rows.c.items() if name != "matches"),
            func.row_number().over(partition_by=same, order_by=rows.c.as_of.desc().nulls_first()).label("rank"),
            func.bool_or(rows.c.matches).over(partition_by=same).label("any_matches"),
            func.count().over(partition_by=same).label("views"),
        ).subquery()
        shown = [column for name, column in ranked.c.items() if name not in {"rank", "any_matches"}]
        return select(*shown).where(ranked.c.rank == literal_column("1"), ranked.c.any_matches).subquery()

    def _ordered(self, views: Subquery, *, backward: bool, started: bool) -> Select[Any]:
        """By `cds_modified`, newest first; equal ones by id (WG3D-021)."""
        moment, one = views.c.cds_modified, views.c.object_id
        order = (moment.asc(), one.desc()) if backward else (moment.desc(), one.asc())
        statement = select(*views.c).order_by(*order).limit(bindparam("page_limit", type_=Integer))
        if not started:
            return statement
        at, last = bindparam("page_moment", type_=_MOMENT), bindparam("page_id", type_=Uuid)
        # The first comparison alone bounds the scan of the index.
        beyond = (moment >= at, or_(moment > at, one < last)) if backward else (moment <= at, or_(moment < at, one > last))
        return statement.where(*beyond)

    def _every_view(self) -> Select[Any]:
        parts = [*([self._present()] if self._live() else []), self._past()]
        rows = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
        wanted = rows.c.object_id == func.any(bindparam("object_ids", type_=ARRAY(Uuid)))
        return select(*rows.c).where(wanted).order_by(rows.c.object_id, rows.c.as_of.desc().nulls_first())

    def _present(self) -> Select[Any]:
        """The newest versions, as the entries that are not frozen show them."""
        table, seen = VERSIONS[self.kind], self._seen()
        if len(self._all(self._live())) == len(self._live()):
            # No list to add: the index on `cds_modified` alone gives the page, also of a million objects.
            slots = cast(bindparam("live_all", type_=ARRAY(Integer)), ARRAY(Integer))
            base = select().select_from(table)
        elif self._all(self._live()):
            # Objects of the whole environment; lists add their slots to those of the predicate.
            listed = func.coalesce(seen.c.slots, cast(array([], type_=Integer), ARRAY(Integer)))
            slots = listed.op("||")(bindparam("live_all", type_=ARRAY(Integer)))
            base = select().select_from(table.outerjoin(seen, seen.c.object_id == table.c.object_id))
        else:
            slots = seen.c.slots
            base = select().select_from(seen.join(table, table.c.object_id == seen.c.object_id))
        matches = self._matches(View(self.access, table, slots))
        statement = base.add_columns(*self._columns(table), slots.label("slots"), cast(null(), _MOMENT).label("as_of"))
        statement = statement.where(table.c.newest, table.c.environment == bindparam("environment", type_=Text))
        if not self._frozen():
            return statement.where(matches).add_columns(literal_column("1").label("views"))
        return statement.add_columns(matches.label("matches"))

    def _past(self) -> Select[Any]:
        """For each object and each moment at which entries are frozen, the version that was valid then."""
        table, shown = VERSIONS[self.kind], self._shown_at()
        version = table.alias("version")
        valid_then = (
            select(version.c.version_id)
            .where(version.c.object_id == shown.c.object_id, version.c.valid_from <= shown.c.as_of)
            .order_by(version.c.valid_from.desc(), version.c.version_id.desc())
            .limit(literal_column("1"))
            .correlate(shown)
            .scalar_subquery()
        )
        matches = self._matches(View(self.access, table, shown.c.slots))
        return (
            select(*self._columns(table, as_of=shown.c.as_of), shown.c.slots, shown.c.as_of, matches.label("matches"))
            .select_from(shown.join(table, table.c.version_id == valid_then))
            .where(table.c.environment == bindparam("environment", type_=Text))
        )

    def _matches(self, view: View) -> ColumnElement[bool]:
        return and_(true(), *(condition.sql(view) for condition in self.conditions))

    def _columns(self, table: Table, as_of: ColumnElement[datetime] | None = None) -> list[ColumnElement[Any]]:
        """The columns of the table; relation lists are cut to what the token sees.

        A version that was confirmed after `as_of` was valid at `as_of` as well, and no later moment may be told (WG3B-197).
        """
        columns: list[ColumnElement[Any]] = []
        for name, column in table.c.items():
            if name in _RELATIONS:
                columns.append(self.access.cut(_RELATIONS[name], column).label(name))
            elif name == "cds_synced" and as_of is not None:
                columns.append(func.least(column, as_of).label(name))
            elif name not in _UNLISTED:
                columns.append(column.label(name))
        return columns

    def _seen(self) -> Subquery:
        """Listed objects with the running entries that show them."""
        if not self._frozen():
            return self.access.seen(self.kind)
        objects = self.access.objects(self.kind, "visible")
        statement = select(objects.c.object_id, array_agg(objects.c.slot.distinct()).label("slots"))
        running = objects.c.slot == func.any(bindparam("live", type_=ARRAY(Integer)))
        return statement.where(running).group_by(objects.c.object_id).subquery()

    def _shown_at(self) -> Subquery:
        """Rows `object_id`, `as_of`, `slots` of the frozen entries."""
        entries = (
            func.unnest(bindparam("frozen", type_=ARRAY(Integer)), bindparam("moments", type_=ARRAY(_MOMENT)))
            .table_valued("slot", "as_of", name="frozen")
            .render_derived()
        )
        slot, as_of = cast(entries.c.slot, Integer), cast(entries.c.as_of, _MOMENT)
        objects = self.access.objects(self.kind, "visible")
        listed = select(objects.c.object_id, as_of.label("as_of"), slot.label("slot")).join_from(objects, entries, objects.c.slot == slot)
        parts: list[Any] = [listed]
        if self._all(self._frozen()):
            table = VERSIONS[self.kind]
            here = (table.c.newest, table.c.environment == bindparam("environment", type_=Text))
            predicate = slot == func.any(bindparam("frozen_all", type_=ARRAY(Integer)))
            every = select(table.c.object_id, as_of.label("as_of"), slot.label("slot")).join_from(table, entries, true())
            parts.append(every.where(*here, predicate))
        rows = (union_all(*parts) if len(parts) > 1 else listed).subquery()
        slots = array_agg(rows.c.slot.distinct()).label("slots")
        return select(rows.c.object_id, rows.c.as_of, slots).group_by(rows.c.object_id, rows.c.as_of).subquery("shown")
