"""The listing of Usage Segments: one query for a page, every related id cut to what the token sees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)  # fmt: skip
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.grant_copy import Access
from cds_common.grant_copy.entry import KINDS, Kind
from cds_common.hot_sql import CompiledStatements
from cds_common.paging import Listing, Page, PageRequest, SortKey, Turn
from cds_usage.domain.calendar import micros_of
from cds_usage.persistence.reach import reach_parameters, reached_segments
from cds_usage.persistence.sections import section_parameters, section_shape, visible_sections
from cds_usage.persistence.tables import aggregation_copy, resource

_NAME = "usage-segments"
_SORTED_BY = 6
_MICROS: ColumnElement[int] = literal_column("1000000", BigInteger)
_statements = CompiledStatements()


@dataclass(frozen=True, slots=True)
class SegmentFilters:
    """What a client narrows a listing by (CDS-WG3-01 §10.8.8); None = not given. Ids that are no UUIDs match nothing."""

    segment_ids: Sequence[str] | None = None
    before: datetime | None = None
    after: datetime | None = None
    ids: Mapping[Kind, Sequence[str]] | None = None
    numbers: Mapping[Kind, Sequence[str]] | None = None
    billsection_ids: Sequence[str] | None = None


NUMBER_FLAGS: Mapping[Kind, str | None] = {
    "account": "include_account_numbers",
    "service_contract": "include_contract_numbers",
    "service_point": None,
    "meter_device": "include_meter_numbers",
    "aggregation": None,
}
"""The flag without which a number is hidden, so that a filter on it matches nothing."""


async def page_of_segments(
    session: AsyncSession,
    access: Access,
    filters: SegmentFilters,
    paging: PageRequest,
    *,
    kinds_by_slot: Mapping[int, Sequence[int] | None],
    now: datetime,
) -> Page:
    """One page in the order of §10.8.8; a segment that several entries cut differently appears once per cut."""
    identity = f"{access.client_id}\x1f{' '.join(sorted(access.grant_ids))}"

    def built() -> tuple[Select[Any], Listing]:
        reached = reached_segments(access, kinds_by_slot, now)
        shown = _shown_id(reached)
        return _columns(access, reached, shown).where(*_conditions(access, filters, reached, shown)), _listing(reached, shown)

    if paging.cursor or filters.numbers:
        statement, listing = built()
        return await listing.page(session, statement, paging, identity=identity)
    turn = Turn(paging, name=_NAME, identity=identity, length=_SORTED_BY)
    every_point, parameters = reach_parameters(access, kinds_by_slot, now)
    parameters |= access.parameters() | section_parameters(access) | _filter_parameters(filters) | {"page_limit": turn.size + 1}
    key = (every_point, _filter_shape(filters), section_shape(access), *(bool(access.all_slots(kind)) for kind in KINDS))
    first = _statements.get(key, parameters, lambda: _first_page(*built()))
    return turn.page(await first.rows(session, parameters), lambda row: row[-_SORTED_BY:])


def _first_page(statement: Select[Any], listing: Listing) -> Select[Any]:
    """Most requests ask for a first page; building its statement took most of their time, so that it is kept."""
    return listing.first_page(statement).limit(bindparam("page_limit", type_=Integer))


def _listing(reached: Subquery, shown: ColumnElement[UUID]) -> Listing:
    return Listing(
        _NAME,
        keys=(
            SortKey(reached.c.aggregation_number, text=True),
            SortKey(reached.c.account_number, text=True),
            SortKey(reached.c.contract_number, text=True),
            SortKey(reached.c.c_start, nullable=False),
            SortKey(reached.c.modified, descending=True, nullable=False),
        ),
        tie=shown,
    )


def _shown_id(reached: Subquery) -> ColumnElement[UUID]:
    """The id of the segment, or of its cut: the same cut has the same id for every token and at every time."""
    edges = (func.coalesce(cast(edge, Text), literal_column("'-'")) for edge in (reached.c.cut_lo, reached.c.cut_hi))
    parts = func.concat_ws(literal_column("':'"), cast(reached.c.segment_id, Text), *edges)
    digest = func.encode(func.sha256(func.convert_to(parts, literal_column("'UTF8'"))), literal_column("'hex'"))
    cut = or_(reached.c.cut_lo.is_not(None), reached.c.cut_hi.is_not(None))
    return case((cut, cast(func.left(digest, literal_column("32")), Uuid)), else_=reached.c.segment_id)


_AS_STORED = (
    "slots", "c_start", "c_end", "owner_id", "meter_device_id", "interval_seconds", "phase", "kind_ids", "created", "modified", "synced",
)  # fmt: skip


def _columns(access: Access, reached: Subquery, shown: ColumnElement[UUID]) -> Select[*tuple[Any, ...]]:
    return select(
        shown.label("shown_id"),
        *(reached.c[name] for name in _AS_STORED),
        access.cut("account", reached.c.account_ids).label("accounts"),
        access.cut("service_contract", reached.c.contract_ids).label("contracts"),
        _if_seen(access, "service_point", reached.c.service_point_id).label("service_point"),
        _if_seen(access, "meter_device", reached.c.meter_device_id).label("meter"),
        _if_seen(access, "aggregation", reached.c.aggregation_id).label("aggregation"),
        visible_sections(access, reached).label("sections"),
    )


def _if_seen(access: Access, kind: Kind, one: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((access.sees(kind, one), one))


def _conditions(access: Access, filters: SegmentFilters, reached: Subquery, shown: ColumnElement[UUID]) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if filters.segment_ids is not None:
        wanted.append(shown == any_(_uuids("segment_ids", filters.segment_ids)))
    if filters.before is not None:
        wanted.append(reached.c.c_start * _MICROS <= _moment("before", filters.before))
    if filters.after is not None:
        wanted.append(reached.c.c_end * _MICROS >= _moment("after", filters.after))
    wanted += [_has_id(access, reached, kind, ids) for kind, ids in (filters.ids or {}).items()]
    wanted += [_has_number(access, reached, kind, numbers) for kind, numbers in (filters.numbers or {}).items()]
    if filters.billsection_ids is not None:
        wanted.append(visible_sections(access, reached).overlap(_uuids("billsection_ids", filters.billsection_ids)))
    return wanted


_SINGLE: Mapping[Kind, str] = {"service_point": "service_point_id", "meter_device": "meter_device_id", "aggregation": "aggregation_id"}
_LISTS: Mapping[Kind, str] = {"account": "account_ids", "service_contract": "contract_ids"}


def _has_id(access: Access, reached: Subquery, kind: Kind, ids: Sequence[str]) -> ColumnElement[bool]:
    wanted = _uuids(f"ids_of_{kind}", ids)
    if kind in _SINGLE:
        one = reached.c[_SINGLE[kind]]
        return and_(one == any_(wanted), access.sees(kind, one))
    held: Any = reached.c[_LISTS[kind]]
    cut: Any = access.cut(kind, held)
    # The first test can use the index on the true relations; the second one keeps hidden relations hidden.
    return and_(held.overlap(wanted), cut.overlap(wanted))


def _has_number(access: Access, reached: Subquery, kind: Kind, numbers: Sequence[str]) -> ColumnElement[bool]:
    if kind == "aggregation":
        found, one = aggregation_copy.c, reached.c.aggregation_id
        mine = and_(found.aggregation_id == one, found.aggregation_number.in_(numbers))
        return select(found.aggregation_id).where(mine, access.sees(kind, one)).exists()
    if not access.slots(NUMBER_FLAGS[kind]):
        return literal(value=False)
    thing = resource.alias()
    link = thing.c.resource_id == (reached.c[_SINGLE[kind]] if kind in _SINGLE else any_(reached.c[_LISTS[kind]]))
    seen = access.sees(kind, thing.c.resource_id, flag=NUMBER_FLAGS[kind])
    return select(thing.c.resource_id).where(link, thing.c.kind == kind, thing.c.number.in_(numbers), seen).exists()


def _filter_shape(filters: SegmentFilters) -> tuple[Any, ...]:
    """Which filters are given: what they add to the SQL; their values are `_filter_parameters`."""
    given = (filters.segment_ids, filters.before, filters.after, filters.billsection_ids)
    return (*(one is not None for one in given), *sorted(filters.ids or {}))


def _filter_parameters(filters: SegmentFilters) -> dict[str, Any]:
    ids = {"segment_ids": filters.segment_ids, "billsection_ids": filters.billsection_ids}
    ids |= {f"ids_of_{kind}": wanted for kind, wanted in (filters.ids or {}).items()}
    values: dict[str, Any] = {name: _as_uuids(wanted) for name, wanted in ids.items() if wanted is not None}
    moments = {"before": filters.before, "after": filters.after}
    return values | {name: micros_of(moment) for name, moment in moments.items() if moment is not None}


def _uuids(name: str, ids: Sequence[str]) -> ColumnElement[Any]:
    return bindparam(name, _as_uuids(ids), ARRAY(Uuid))


def _moment(name: str, moment: datetime) -> ColumnElement[int]:
    return bindparam(name, micros_of(moment), BigInteger)


def _as_uuids(ids: Sequence[str]) -> list[UUID]:
    """Ids are compared as written: only the canonical form is one of ours."""
    found = list[UUID]()
    for text in ids:
        try:
            one = UUID(text)
        except ValueError:
            continue
        if str(one) == text:
            found.append(one)
    return found
