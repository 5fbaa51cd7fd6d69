"""Filters and search of the listings as SQL; their shape and their values are kept apart, so that a shape is compiled once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from cds_accounts.persistence.tables import VERSIONS
from cds_common.events.resources import ResourceKind
from cds_common.grant_copy import Access


def coverage(access: Access, flag: str) -> str:
    """Whether "all", "none" or "some" of the token's entries have the flag: what the SQL of a hidden field depends on."""
    having = len(access.slots(flag))
    return "none" if not having else "all" if having == len(access.entries) else "some"


@dataclass(frozen=True, slots=True)
class View:
    """What a condition looks at: the columns of a version and the slots of the entries that show it."""

    access: Access
    table: Table
    slots: ColumnElement[Any]

    def opened(self, flag: str | None) -> ColumnElement[bool]:
        """Whether the entries that show this view open what `flag` opens."""
        if flag is None:
            return true()
        match coverage(self.access, flag):
            case "all":
                return true()
            case "none":
                return false()
            case _:
                return self.slots.op("&&")(bindparam(f"having_{flag}", type_=ARRAY(Integer)))


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter: `shape` and the coverage of `flags` decide the SQL that `sql` makes, `values` are the values of its binds."""

    shape: tuple[Any, ...]
    sql: Callable[[View], ColumnElement[bool]]
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    flags: tuple[str, ...] = ()

    def key(self, access: Access) -> tuple[Any, ...]:
        """Equal keys make equal SQL."""
        return (*self.shape, *(coverage(access, flag) for flag in self.flags))

    def parameters(self, access: Access) -> dict[str, Any]:
        """Values of the binds in `sql`."""
        return {**self.values, **{f"having_{flag}": list(access.slots(flag)) for flag in self.flags}}


def one_of(name: str, column: str, values: Sequence[Any], flag: str | None = None) -> Condition:
    """The column has one of `values`; a column that is hidden from the token, or NULL, matches nothing (WG3D-014).

    `name` is the filter's own name, once per listing.
    """

    def sql(view: View) -> ColumnElement[bool]:
        found = view.table.c[column]
        return and_(found == func.any(bindparam(name, type_=ARRAY(found.type))), view.opened(flag))

    return Condition(("one_of", name, column), sql, {name: list(values)}, _flags(flag))


def any_of(name: str, column: str, values: Sequence[Any], flag: str | None = None) -> Condition:
    """The list column shares a value with `values`."""

    def sql(view: View) -> ColumnElement[bool]:
        found = view.table.c[column]
        return and_(found.overlap(bindparam(name, type_=found.type)), view.opened(flag))

    return Condition(("any_of", name, column), sql, {name: list(values)}, _flags(flag))


def any_visible_of(name: str, column: str, values: Sequence[Any], kind: ResourceKind) -> Condition:
    """The relation list shares a member with `values` that the token sees."""

    def sql(view: View) -> ColumnElement[bool]:
        ids = VERSIONS[kind].c.object_id
        member = func.unnest(view.table.c[column]).table_valued("id", name="related").render_derived()
        related = cast(member.c.id, ids.type)
        wanted = related == func.any(bindparam(name, type_=ARRAY(ids.type)))
        return select(literal_column("1")).where(wanted, view.access.sees(kind, related)).exists()

    return Condition(("any_visible_of", name, column), sql, {name: list(values)})


def contains(term: str, fields: Sequence[tuple[str, str | None]]) -> Condition:
    """One of `fields` (column, flag that opens it) contains `term`, ignoring case; hidden ones are not searched (WG3D-013)."""

    def sql(view: View) -> ColumnElement[bool]:
        return or_(false(), *(and_(_holds(view.table.c[column]), view.opened(flag)) for column, flag in fields))

    flags = dict.fromkeys(flag for _, flag in fields if flag is not None)
    return Condition(("contains", *(column for column, _ in fields)), sql, {"q": term}, tuple(flags))


def _flags(flag: str | None) -> tuple[str, ...]:
    return () if flag is None else (flag,)


def _holds(column: ColumnElement[Any]) -> ColumnElement[bool]:
    wanted = func.lower(bindparam("q", type_=Text))
    if isinstance(column.type, ARRAY):
        value = func.unnest(column).table_valued("text", name="value").render_derived()
        return select(literal_column("1")).where(func.strpos(func.lower(cast(value.c.text, Text)), wanted) > literal_column("0")).exists()
    return func.strpos(func.lower(cast(column, Text)), wanted) > literal_column("0")
