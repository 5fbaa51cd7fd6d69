"""Which Bill Sections belong beside a Usage Segment, by the rule with which billing lists them (CDS-WG3-01 §7.2.6, §10.8.1)."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Subquery,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array, array_agg

from cds_common.grant_copy import Access
from cds_common.grant_copy.tables import TABLES
from cds_usage.persistence.tables import bill_section_link

FLAG = "include_bill_sections"
_EMPTY = cast(array([], type_=Uuid), ARRAY(Uuid))


def section_parameters(access: Access) -> dict[str, Any]:
    """Values of the binds in the SQL that `visible_sections` makes, besides `environment`."""
    values: dict[str, Any] = {}
    for slot in access.slots(FLAG):
        entry = access.entries[slot]
        own = {"grant": entry.grant_id, "entry": entry.entry_no, "from": entry.start_date, "until": entry.end_date}
        values |= {f"section_{name}_{slot}": value for name, value in own.items()}
    return values


def section_shape(access: Access) -> tuple[Any, ...]:
    """What decides the SQL that `visible_sections` makes; values are not in it."""
    return tuple(
        (slot, entry.start_date is None, entry.end_date is None, entry.opens_all("account", "bill_reach"), _by_account(entry))
        for slot in access.slots(FLAG)
        for entry in (access.entries[slot],)
    )


def _by_account(entry: Any) -> bool:
    return bool(entry.sections_by_account or entry.opens_all("service_contract", "bill_reach"))


def _bind(name: str, entry: Any, value: Any, kind: Any) -> ColumnElement[Any]:
    return bindparam(f"section_{name}_{entry.slot}", value, kind)


def visible_sections(access: Access, segment: Subquery) -> ColumnElement[Any]:
    """The sections of the segment's Service Point (or contracts, where a section names no point) whose period meets the rows,
    as far as the token sees them; never NULL.
    """
    if not access.slots(FLAG):
        return _EMPTY
    link, seen = bill_section_link.c, segment.c
    by_point = link.service_point_ids.contains(array([seen.service_point_id]))
    by_contract = and_(func.cardinality(link.service_point_ids) == literal_column("0"), link.contract_ids.overlap(seen.contract_ids))
    found = (
        select(array_agg(aggregate_order_by(link.section_id, link.start_date, link.section_id)))
        .where(
            link.environment == bindparam("environment", access.environment, Text),
            seen.service_point_id.is_not(None),
            or_(by_point, by_contract),
            link.start_s < seen.c_end,
            link.end_s > seen.c_start,
            or_(*(_open_to(access, slot) for slot in access.slots(FLAG))),
        )
        .correlate_except(bill_section_link)
    )
    return func.coalesce(found.scalar_subquery(), _EMPTY)


def _open_to(access: Access, slot: int) -> ColumnElement[bool]:
    """The rule for one entry: its account, one of its contracts, and its dates."""
    entry, link = access.entries[slot], bill_section_link.c
    dates: list[ColumnElement[bool]] = []
    if entry.start_date is not None:
        dates.append(link.start_date >= _bind("from", entry, entry.start_date, Date))
    if entry.end_date is not None:
        dates.append(link.end_date <= _bind("until", entry, entry.end_date, Date))
    account = true() if entry.opens_all("account", "bill_reach") else _anchored(entry, "account", link.account_id)
    if _by_account(entry):
        return and_(account, *dates)
    return and_(account, _anchored(entry, "service_contract", any_(link.contract_ids)), *dates)


def _anchored(entry: Any, kind: str, one: ColumnElement[Any]) -> ColumnElement[bool]:
    thing = TABLES.entitlement_object.alias()
    mine = and_(
        thing.c.grant_id == _bind("grant", entry, entry.grant_id, Text),
        thing.c.entry_no == _bind("entry", entry, entry.entry_no, Integer),
        thing.c.kind == bindparam(f"kind_{kind}", kind, Text),
        thing.c.bill_reach,
    )
    return select(thing.c.object_id).where(mine, thing.c.object_id == one).correlate_except(thing).exists()
