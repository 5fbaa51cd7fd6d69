"""Energy Attribute Certificates as one token sees them (CDS-WG3-01 §7.2.9, §10.9)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, any_, bindparam, case, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import array_agg
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.grant_copy import Access
from cds_common.grant_copy.tables import TABLES
from cds_common.paging import Listing, Page, PageRequest, SortKey
from cds_usage.persistence.reach import reached_segments
from cds_usage.persistence.tables import eac_version, series, supply_mix_note

FLAG = "include_eacs"
_E = eac_version.c
_EMPTY = literal([], ARRAY(Text))


Mixes = Mapping[int, Sequence[int]]
"""Entry -> the kinds of supply mix that its usage shows: their certificates are related to what is included (§7.2.9)."""


@dataclass(frozen=True, slots=True)
class EacFilters:
    """What a client narrows a listing by (§10.9.4); None = not given."""

    eac_ids: Sequence[UUID] | None = None
    eac_numbers: Sequence[str] | None = None
    beneficiaries: Sequence[str] | None = None
    before: datetime | None = None
    after: datetime | None = None


async def page_of_eacs(
    session: AsyncSession, access: Access, filters: EacFilters, paging: PageRequest, *, mixes: Mixes, now: datetime
) -> Page:
    """One page: newest `period_start` first, then newest `cds_created`, then by id."""
    shown = _visible(access, mixes, now).subquery("shown")
    seen = shown.c
    statement = select(shown)
    if filters.eac_ids is not None:
        statement = statement.where(seen.eac_id.in_(filters.eac_ids))
    if filters.eac_numbers is not None:
        statement = statement.where(seen.eac_numbers.overlap(_texts(filters.eac_numbers)))
    if filters.beneficiaries is not None:
        statement = statement.where(seen.beneficiaries.overlap(_texts(filters.beneficiaries)))
    if filters.before is not None:
        statement = statement.where(seen.period_start <= filters.before)
    if filters.after is not None:
        statement = statement.where(seen.period_end >= filters.after)
    listing = Listing(
        "eacs",
        keys=(SortKey(seen.period_start, descending=True, nullable=False), SortKey(seen.created, descending=True, nullable=False)),
        tie=seen.eac_id,
    )
    return await listing.page(session, statement, paging, identity=f"{access.client_id}\x1f{' '.join(sorted(access.grant_ids))}")


async def seen_eacs(session: AsyncSession, access: Access, eac_ids: Collection[UUID], *, mixes: Mixes, now: datetime) -> frozenset[UUID]:
    """Those of `eac_ids` that the token finds in the listing."""
    if not eac_ids or not access.slots(FLAG):
        return frozenset()
    shown = _visible(access, mixes, now).where(_E.eac_id.in_(eac_ids)).subquery("shown")
    return frozenset(await session.scalars(select(shown.c.eac_id)))


async def find_content(session: AsyncSession, access: Access, eac_id: UUID, *, mixes: Mixes, now: datetime) -> tuple[bytes, str] | None:
    """The data behind `eac_data_url` with its media type; None when the token sees no such certificate."""
    shown = _visible(access, mixes, now).subquery("shown")
    source = and_(_E.eac_id == shown.c.eac_id, _E.source_time == shown.c.source_time)
    found = await session.execute(
        select(_E.content, _E.content_type).join_from(shown, eac_version, source).where(shown.c.eac_id == eac_id).limit(1)
    )
    row = found.first()
    return None if row is None else (row.content, row.content_type)


def _visible(access: Access, mixes: Mixes, now: datetime) -> Select[*tuple[Any, ...]]:
    """The newest version that some entry shows, with the beneficiaries that the token may see.

    An entry that is frozen shows the version that was the newest at that moment.
    """
    slots = access.slots(FLAG)
    shown = (
        or_(*(and_(_is_version(access.frozen_at(slot, now)), _opened(access, slot)) for slot in slots), _named(access, mixes, now))
        if slots
        else literal(value=False)
    )
    return (
        select(
            _E.eac_id, _E.source_time, _E.beneficiary_type, _beneficiaries(access).label("beneficiaries"), _E.eac_numbers,
            _E.eac_format, _E.period_start, _E.period_end, _E.created, _E.modified, _E.synced,
        )
        .where(_E.environment == access.environment, shown)
        .distinct(_E.eac_id)
        .order_by(_E.eac_id, _E.source_time.desc())
    )  # fmt: skip


def _is_version(frozen: datetime | None) -> ColumnElement[bool]:
    if frozen is None:
        return _E.newest
    other = eac_version.alias()
    latest = select(func.max(other.c.source_time)).where(other.c.eac_id == _E.eac_id, other.c.source_time <= frozen)
    return _E.source_time == latest.scalar_subquery()


def _named(access: Access, mixes: Mixes, now: datetime) -> ColumnElement[bool]:
    """Whether the supply mix of a segment that is shown names the certificate (§7.2.9)."""
    showing = {slot: kinds for slot, kinds in mixes.items() if kinds and slot in access.slots(FLAG)}
    if not showing:
        return literal(value=False)
    reached, note = reached_segments(access, showing, now).c, supply_mix_note.c
    in_segment = and_(
        note.owner_id == reached.owner_id,
        note.interval_seconds == reached.interval_seconds,
        note.phase == reached.phase,
        note.first_s < reached.c_end,
        note.first_s + note.interval_seconds * func.cardinality(note.intensities) > reached.c_start,
    )
    own = and_(series.c.owner_id == note.owner_id, series.c.series_id == note.series_id)
    kinds = sorted({kind for held in showing.values() for kind in held})
    named = select(func.unnest(note.eac_ids)).where(in_segment, own, series.c.kind_id.in_(kinds))
    return and_(or_(*(_is_version(access.frozen_at(slot, now)) for slot in showing)), _E.eac_id.in_(named))


def _opened(access: Access, slot: int) -> ColumnElement[bool]:
    return or_(_E.beneficiary_type == "general", func.cardinality(_seen_by(access, slot)) > 0)


def _beneficiaries(access: Access) -> ColumnElement[Any]:
    """Those that the token may see. Accounts and contracts may be shown by another entry (§10.9.2); names are masked entry by entry."""
    seen_by = [_seen_by(access, slot) if FLAG in access.entries[slot].flags else _seen_objects(access, slot) for slot in access.slots()]
    if not seen_by:
        return _EMPTY
    member = func.unnest(_E.beneficiaries).table_valued("name", with_ordinality="no", name="member").render_derived()
    name: Any = member.c.name
    seen = or_(*(cast(name, Text) == any_(names) for names in seen_by))
    return func.coalesce(select(array_agg(name)).where(seen).scalar_subquery(), _EMPTY)


def _seen_by(access: Access, slot: int) -> ColumnElement[Any]:
    """The beneficiaries of a certificate that one entry may see."""
    entry = access.entries[slot]
    return case(
        (_E.beneficiary_type == "customer", _common(entry.customer_numbers)),
        (_E.beneficiary_type == "rateplan", _common(entry.rateplan_codes)),
        (_E.beneficiary_type == "program", _common(entry.program_numbers)),
        else_=_seen_objects(access, slot),
    )


def _seen_objects(access: Access, slot: int) -> ColumnElement[Any]:
    """The accounts or contracts of a certificate that one entry shows."""
    entry = access.entries[slot]
    return case(
        (_E.beneficiary_type == "account", _visible_objects(entry, "account")),
        (_E.beneficiary_type == "servicecontract", _visible_objects(entry, "service_contract")),
        else_=_EMPTY,
    )


def _common(known: Sequence[str]) -> ColumnElement[Any]:
    member = func.unnest(_E.beneficiaries).table_valued("name", name="named").render_derived()
    name: Any = member.c.name
    return func.coalesce(select(array_agg(name)).where(cast(name, Text).in_(known)).scalar_subquery(), _EMPTY)


def _visible_objects(entry: Any, kind: Any) -> ColumnElement[Any]:
    if entry.opens_all(kind, "visible"):
        return _E.beneficiaries
    thing = TABLES.entitlement_object.alias()
    named = func.unnest(_E.beneficiaries).table_valued("name", name="named").render_derived()
    name: Any = named.c.name
    mine = and_(thing.c.grant_id == entry.grant_id, thing.c.entry_no == entry.entry_no, thing.c.kind == kind, thing.c.visible)
    listed = select(thing.c.object_id).where(mine, cast(thing.c.object_id, Text) == cast(name, Text)).correlate(named).exists()
    return func.coalesce(select(array_agg(name)).where(listed).scalar_subquery(), _EMPTY)


def _texts(values: Sequence[str]) -> ColumnElement[Any]:
    return bindparam(None, list(values), ARRAY(Text))
