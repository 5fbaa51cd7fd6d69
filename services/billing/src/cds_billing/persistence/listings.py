"""The two listings and the file of billing, each starting from what the token sees."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, func, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.persistence.tables import BillFileRow, BillSectionRow, BillStatementRow, ContractCopyRow
from cds_billing.persistence.visible import VisibleBills
from cds_common.grant_copy import Access
from cds_common.paging import Listing, Page, PageRequest, SortKey

STATEMENTS = Listing(
    "bill-statements",
    keys=(
        SortKey(BillStatementRow.statement_date, descending=True, nullable=False),
        SortKey(BillStatementRow.cds_modified, descending=True, nullable=False),
    ),
    tie=BillStatementRow.statement_id,
)
SECTIONS = Listing(
    "bill-sections",
    keys=(
        SortKey(BillSectionRow.account_number, text=True, nullable=False),
        SortKey(BillSectionRow.sort_contract_number, text=True),
        SortKey(BillSectionRow.start_date, nullable=False),
        SortKey(BillSectionRow.cds_modified, descending=True, nullable=False),
    ),
    tie=BillSectionRow.section_id,
)
"""None of the two listings has `q` (CDS-WG3-01 §10.5.4, §10.6.9)."""


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """Filters of §10.5.4; None = not given. Values inside one are alternatives, the filters intersect."""

    statement_ids: Sequence[UUID] | None = None
    account_ids: Sequence[UUID] | None = None
    account_numbers: Sequence[str] | None = None
    before: date | None = None
    after: date | None = None


@dataclass(frozen=True, slots=True)
class SectionFilter:
    """Filters of §10.6.9; `before` and `after` select overlapping periods. `contract_numbers` are looked up in visible contracts."""

    section_ids: Sequence[UUID] | None = None
    statement_ids: Sequence[UUID] | None = None
    account_ids: Sequence[UUID] | None = None
    account_numbers: Sequence[str] | None = None
    contract_ids: Sequence[UUID] | None = None
    contract_numbers: Sequence[str] | None = None
    before: date | None = None
    after: date | None = None


class BillListings:
    """Reads for one token; never shows what its Grants do not open."""

    def __init__(self, session: AsyncSession, access: Access, now: datetime) -> None:
        self._session, self._access = session, access
        self._visible = VisibleBills(access, now)

    @property
    def _identity(self) -> str:
        return " ".join((self._access.client_id, *self._access.grant_ids))

    async def statements(self, wanted: StatementFilter, paging: PageRequest) -> Page:
        """A page of `(BillStatementRow, slots)`, newest statement first."""
        row = BillStatementRow
        statement = self._visible.statements()
        statement = _among(statement, row.statement_id, wanted.statement_ids)
        statement = _among(statement, row.account_id, wanted.account_ids)
        statement = _among(statement, row.account_number, wanted.account_numbers)
        if wanted.before is not None:
            statement = statement.where(row.statement_date <= wanted.before)
        if wanted.after is not None:
            statement = statement.where(row.statement_date >= wanted.after)
        return await STATEMENTS.page(self._session, statement, paging, identity=self._identity)

    async def sections(self, wanted: SectionFilter, paging: PageRequest) -> Page:
        """A page of `(BillSectionRow, slots, contracts, points, meters)`; the last three are cut to what the token reads."""
        row, access = BillSectionRow, self._access
        statement = self._visible.sections().add_columns(
            access.cut("service_contract", row.contract_ids.expression).label("contracts"),
            access.cut("service_point", row.point_ids.expression).label("points"),
            access.cut("meter_device", row.meter_ids.expression).label("meters"),
        )
        statement = _among(statement, row.section_id, wanted.section_ids)
        statement = _among(statement, row.account_id, wanted.account_ids)
        statement = _among(statement, row.account_number, wanted.account_numbers)
        if wanted.statement_ids is not None:
            seen = self._visible.statement_ids(wanted.statement_ids)
            statement = statement.where(row.statement_id.in_(seen))
        if wanted.contract_ids is not None:
            statement = statement.where(self._names_contract(wanted.contract_ids))
        if wanted.contract_numbers is not None:
            numbered = select(ContractCopyRow.contract_id).where(
                ContractCopyRow.contract_id == func.any(row.contract_ids),
                ContractCopyRow.contract_number.in_(wanted.contract_numbers),
                ContractCopyRow.environment == access.environment,
                access.sees("service_contract", ContractCopyRow.contract_id.expression, flag="include_contract_numbers"),
            )
            statement = statement.where(numbered.correlate(row).exists())
        if wanted.before is not None:
            statement = statement.where(row.start_date <= wanted.before)
        if wanted.after is not None:
            statement = statement.where(row.end_date >= wanted.after)
        return await SECTIONS.page(self._session, statement, paging, identity=self._identity)

    def _names_contract(self, ids: Sequence[UUID]) -> Any:
        """A section of one of these contracts, of those that the token may read: a hidden relation cannot be probed."""
        readable = self._access.cut("service_contract", BillSectionRow.contract_ids.expression)
        return type_coerce(readable, ARRAY(Uuid)).overlap(list(ids))

    async def seen_sections(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those of `ids` whose sections the token reads."""
        return await self._ids(self._visible.section_ids, ids)

    async def seen_statements(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those of `ids` whose statements the token reads."""
        return await self._ids(self._visible.statement_ids, ids)

    async def _ids(self, visible: Any, ids: Iterable[UUID]) -> frozenset[UUID]:
        wanted = set(ids)
        if not wanted:
            return frozenset()
        return frozenset((await self._session.scalars(visible(wanted))).all())

    async def file(self, file_id: UUID) -> BillFileRow | None:
        """The bill file, when a statement version that the token sees with its files names it."""
        statement = self._visible.statements().where(BillStatementRow.file_id == file_id)
        for row in (await self._session.execute(statement)).all():
            if "include_bill_statement_files" in self._access.flags(row.slots):
                return await self._session.get(BillFileRow, file_id)
        return None


def _among(statement: Any, column: Any, values: Sequence[Any] | None) -> Any:
    return statement if values is None else statement.where(column.in_(values))
