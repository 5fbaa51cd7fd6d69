"""Aggregations as one token sees them (CDS-WG3-01 §10.7.8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, bindparam, cast, false, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.persistence.tables import aggregation, aggregation_version
from cds_common.grant_copy import Access
from cds_common.grant_copy.tables import TABLES
from cds_common.paging import Listing, Page, PageRequest, SortKey

ADDRESSES = "include_aggregation_addresses"
_V = aggregation_version.c


@dataclass(frozen=True, slots=True)
class AggregationFilters:
    """What a client narrows a listing by; None = not given."""

    ids: Sequence[UUID] | None = None
    numbers: Sequence[str] | None = None
    types: Sequence[str] | None = None
    q: str | None = None


async def page_of_aggregations(
    session: AsyncSession, access: Access, filters: AggregationFilters, paging: PageRequest, now: datetime
) -> Page:
    """One page, last modified first; relation lists are cut to what the token sees."""
    shown = _visible(access, now).subquery("shown")
    statement = _columns(access, shown).where(*_conditions(filters, shown))
    listing = Listing("aggregations", keys=(SortKey(shown.c.modified, descending=True, nullable=False),), tie=shown.c.aggregation_id)
    return await listing.page(session, statement, paging, identity=f"{access.client_id}\x1f{' '.join(sorted(access.grant_ids))}")


async def find_visible(session: AsyncSession, access: Access, aggregation_id: UUID, now: datetime) -> Any:
    """The version that the token sees; None when it sees none."""
    shown = _visible(access, now).subquery("shown")
    return (await session.execute(select(shown).where(shown.c.aggregation_id == aggregation_id).limit(1))).one_or_none()


def _visible(access: Access, now: datetime) -> Select[Any]:
    """The newest version that some entry shows; `addresses_open`: an entry that shows it opens the addresses too."""
    shows = [and_(_is_version(access.frozen_at(slot, now)), _opened(access, slot)) for slot in access.slots()]
    addresses = [_opened(access, slot) for slot in access.slots(ADDRESSES)]
    return (
        _versions()
        .add_columns(or_(false(), *addresses).label("addresses_open"))
        .where(_V.environment == access.environment, or_(false(), *shows))
        .distinct(_V.aggregation_id)
        .order_by(_V.aggregation_id, _V.version.desc())
    )


def _versions() -> Select[Any]:
    own = aggregation.c
    return select(*_V, own.created.label("created"), own.synced.label("synced")).join_from(
        aggregation_version, aggregation, own.aggregation_id == _V.aggregation_id
    )


def _is_version(frozen: datetime | None) -> ColumnElement[bool]:
    if frozen is None:
        return _V.newest
    other = aggregation_version.alias()
    latest = select(func.max(other.c.version)).where(other.c.aggregation_id == _V.aggregation_id, other.c.valid_from <= frozen)
    return _V.version == latest.scalar_subquery()


def _opened(access: Access, slot: int) -> ColumnElement[bool]:
    entry = access.entries[slot]
    if entry.opens_all("aggregation", "visible"):
        return literal(value=True)
    thing = TABLES.entitlement_object.alias()
    mine = and_(thing.c.grant_id == entry.grant_id, thing.c.entry_no == entry.entry_no, thing.c.kind == "aggregation", thing.c.visible)
    return select(thing.c.object_id).where(mine, thing.c.object_id == _V.aggregation_id).correlate_except(thing).exists()


def _columns(access: Access, shown: Any) -> Select[*tuple[Any, ...]]:
    return select(
        shown.c.aggregation_id, shown.c.created, shown.c.modified, shown.c.synced, shown.c.aggregation_types,
        shown.c.aggregation_number, shown.c.requirement, shown.c.has_data, shown.c.addresses, shown.c.addresses_open, shown.c.body,
        access.cut("account", shown.c.account_ids).label("accounts"),
        access.cut("service_contract", shown.c.contract_ids).label("contracts"),
        access.cut("service_point", shown.c.point_ids).label("points"),
        access.cut("meter_device", shown.c.meter_ids).label("meters"),
        access.cut("aggregation", shown.c.child_ids).label("children"),
    )  # fmt: skip


def _conditions(filters: AggregationFilters, shown: Any) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if filters.ids is not None:
        wanted.append(shown.c.aggregation_id.in_(filters.ids))
    if filters.numbers is not None:
        wanted.append(shown.c.aggregation_number.in_(filters.numbers))
    if filters.types is not None:
        wanted.append(shown.c.aggregation_types.overlap(bindparam(None, list(filters.types), ARRAY(Text))))
    if filters.q is not None:
        wanted.append(_search(filters.q, shown))
    return wanted


def _search(q: str, shown: Any) -> ColumnElement[bool]:
    """`q` in the id, the number, an open address, or the name of a region, ignoring case; never in what the token may not read."""
    address = func.unnest(shown.c.addresses).table_valued("line", name="address").render_derived()
    line: Any = address.c.line
    in_address = select(literal(1)).select_from(address).where(_contains(cast(line, Text), q)).exists()
    region = func.jsonb_array_elements(shown.c.body["regions"]).table_valued("one", name="region").render_derived()
    name: Any = func.jsonb_extract_path_text(region.c.one, "name")
    in_region = select(literal(1)).select_from(region).where(_contains(name, q)).exists()
    return or_(
        _contains(cast(shown.c.aggregation_id, Text), q),
        _contains(shown.c.aggregation_number, q),
        and_(shown.c.addresses_open, in_address),
        in_region,
    )


def _contains(thing: Any, q: str) -> ColumnElement[bool]:
    return func.strpos(func.lower(thing), func.lower(bindparam(None, q, Text))) > 0
