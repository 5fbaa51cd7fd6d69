"""Bills as a client may read them: rows of the listing, cut to the mask of the entries that show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.domain.errors import BillFileNotFound
from cds_billing.persistence.listings import BillListings, SectionFilter, StatementFilter
from cds_billing.persistence.tables import BillFileRow, BillSectionRow, BillStatementRow
from cds_common.access.masks import visible_properties
from cds_common.grant_copy import Access, log_access
from cds_common.paging import PageRequest

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page as it goes out."""

    items: list[Json]
    next: str | None
    previous: str | None


async def list_bill_statements(
    tx: AsyncSession, access: Access, wanted: StatementFilter, paging: PageRequest, *, now: datetime, file_base: str
) -> Listed:
    """Statements that the token sees (§10.5.4), each with the members that its entries open."""
    listings = BillListings(tx, access, now)
    page = await listings.statements(wanted, paging)
    named = {
        UUID(section) for row in page.rows for charge in row[0].body.get("new_charges", ()) for section in charge["related_billsections"]
    }
    sections = await listings.seen_sections(named) if access.slots("include_bill_sections") else None
    items = [_statement(row[0], row.slots, access, now=now, sections=sections, file_base=file_base) for row in page.rows]
    await log_access(tx, access, endpoint="bill-statements", object_ids=[row[0].statement_id for row in page.rows])
    return Listed(items, page.next, page.previous)


async def list_bill_sections(tx: AsyncSession, access: Access, wanted: SectionFilter, paging: PageRequest, *, now: datetime) -> Listed:
    """Sections that the token sees (§10.6.9); relations and the statement's id only where the token reads them too."""
    listings = BillListings(tx, access, now)
    page = await listings.sections(wanted, paging)
    statements = await listings.seen_statements(row[0].statement_id for row in page.rows)
    related = await listings.seen_sections(one for row in page.rows for one in row[0].related_ids)
    items = [_section(row, access, now, statements, related) for row in page.rows]
    await log_access(tx, access, endpoint="bill-sections", object_ids=[row[0].section_id for row in page.rows])
    return Listed(items, page.next, page.previous)


async def get_bill_file(tx: AsyncSession, access: Access, file_id: UUID, *, now: datetime) -> BillFileRow:
    """The printed bill, under the same rule as its statement (§10.5.1).

    Raises:
        BillFileNotFound: there is none that the token may see.
    """
    found = await BillListings(tx, access, now).file(file_id)
    if found is None:
        raise BillFileNotFound("There is no such bill file for this access token.")
    await log_access(tx, access, endpoint="bill-files", object_ids=[found.statement_id])
    return found


def _moments(row: BillStatementRow | BillSectionRow, slots: Sequence[int], access: Access, now: datetime) -> Json:
    frozen = [access.frozen_at(slot, now) for slot in slots]
    ends = [moment for moment in frozen if moment is not None]
    # A frozen entry has not been synced after its end (§7.3.1); one live entry beside it shows the present.
    synced = min(row.cds_synced, max(ends)) if ends and len(ends) == len(frozen) else row.cds_synced
    return {"cds_created": row.cds_created, "cds_modified": row.cds_modified, "cds_synced": synced}


def _statement(
    row: BillStatementRow, slots: Sequence[int], access: Access, *, now: datetime, sections: frozenset[UUID] | None, file_base: str
) -> Json:
    open_members = visible_properties("bill_statement", access.flags(slots))
    item: Json = {"cds_billstatement_id": row.statement_id, **_moments(row, slots, access, now)}
    item |= {"cds_account_id": row.account_id, "account_number": row.account_number}
    item |= {name: value for name, value in row.body.items() if name in open_members}
    if "file_uri" in open_members:
        item["file_uri"] = f"{file_base}/{row.file_id}" if row.file_id else None
        if row.file_id:
            item["file_mimetype"] = row.file_mimetype
    if "new_charges" in item:
        item["new_charges"] = [_charge(charge, sections) for charge in item["new_charges"]]
    return item


def _charge(charge: Json, sections: frozenset[UUID] | None) -> Json:
    """A New Charge; its sections only under include_bill_sections, and left out when none is known (§10.5.2)."""
    shown = {name: value for name, value in charge.items() if name != "related_billsections"}
    related = [one for one in charge["related_billsections"] if sections is not None and UUID(one) in sections]
    return shown | ({"related_billsections": related} if related else {})


def _section(row: Any, access: Access, now: datetime, statements: frozenset[UUID], related: Iterable[UUID]) -> Json:
    section: BillSectionRow = row[0]
    open_members = visible_properties("bill_section", access.flags(row.slots))
    item: Json = {"cds_billsection_id": section.section_id, **_moments(section, row.slots, access, now)}
    item |= {
        "cds_billstatement_id": section.statement_id if section.statement_id in statements else None,
        "cds_account_id": section.account_id,
        "account_number": section.account_number,
    }
    item |= {name: value for name, value in section.body.items() if name in open_members}
    return item | {
        "related_servicecontracts": row.contracts,
        "related_servicepoints": row.points,
        "related_meterdevices": row.meters,
        "related_billsections": [one for one in section.related_ids if one in set(related)],
    }
