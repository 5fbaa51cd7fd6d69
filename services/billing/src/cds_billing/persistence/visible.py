"""Which bills a token sees: every read of this service starts here (CDS-WG3-01 §7.2.5, §7.2.6, §7.3.1-7.3.5)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Integer, ScalarSelect, Select, and_, case, cast, func, literal, or_, select, true, union_all
from sqlalchemy.orm import aliased

from cds_billing.persistence.tables import BillSectionRow, BillStatementRow
from cds_common.grant_copy import Access

STATEMENTS = "include_bill_statements"
SECTIONS = "include_bill_sections"

Anchors = Any
"""Rows `slot` with an entry's windows, one per entry (and object) by which a bill may be reached."""


class VisibleBills:
    """The statements and sections that one token's Grants open at `now`; nothing else is reachable through it."""

    def __init__(self, access: Access, now: datetime) -> None:
        self._access, self._now = access, now
        self._frozen = any(access.frozen_at(slot, now) is not None for slot in access.slots())

    def statements(self) -> Select[Any, Any]:
        """`(BillStatementRow, slots)` of every statement, in the version that the newest entry shows."""
        row = BillStatementRow
        return self._listed(row, row.statement_id, self._statement_slots)

    def sections(self) -> Select[Any, Any]:
        """`(BillSectionRow, slots)` of every section."""
        row = BillSectionRow
        return self._listed(row, row.section_id, self._section_slots)

    def statement_ids(self, ids: Iterable[UUID]) -> Select[Any]:
        """The ids among `ids` of statements that the token sees."""
        return self.statements().where(BillStatementRow.statement_id.in_(list(ids))).with_only_columns(BillStatementRow.statement_id)

    def section_ids(self, ids: Iterable[UUID]) -> Select[Any]:
        """The ids among `ids` of sections that the token sees."""
        return self.sections().where(BillSectionRow.section_id.in_(list(ids))).with_only_columns(BillSectionRow.section_id)

    def _listed(self, row: Any, key: Any, slots_of: Any) -> Select[Any, Any]:
        slots = slots_of(row)
        statement = select(row, slots.label("slots")).where(row.environment == self._access.environment, func.cardinality(slots) > 0)
        if not self._frozen:
            return statement.where(row.valid_to.is_(None))
        newer: Any = aliased(row)
        key_of_newer = getattr(newer, key.key)
        shown_newer = and_(key_of_newer == key, newer.valid_from > row.valid_from, func.cardinality(slots_of(newer)) > 0)
        return statement.where(~select(literal(1)).where(shown_newer).correlate(row).exists())

    def _statement_slots(self, row: Any) -> ScalarSelect[Any]:
        def bounds(anchor: Anchors) -> ColumnElement[bool]:
            return and_(
                or_(anchor.c.statement_date_start.is_(None), row.statement_date >= anchor.c.statement_date_start),
                or_(anchor.c.statement_date_end.is_(None), row.statement_date <= anchor.c.statement_date_end),
            )

        return self._slots(row, [*self._by_account(row, STATEMENTS, bounds, self._access.slots(STATEMENTS))])

    def _section_slots(self, row: Any) -> ScalarSelect[Any]:
        def bounds(anchor: Anchors) -> ColumnElement[bool]:
            return and_(
                or_(anchor.c.start_date.is_(None), row.start_date >= anchor.c.start_date),
                or_(anchor.c.end_date.is_(None), row.end_date <= anchor.c.end_date),
            )

        access = self._access
        slots = access.slots(SECTIONS)
        alone = [slot for slot in slots if access.entries[slot].sections_by_account]
        with_contract = [slot for slot in slots if not access.entries[slot].sections_by_account]
        found = [*self._by_account(row, SECTIONS, bounds, alone)]
        for branch in self._by_account(row, SECTIONS, bounds, with_contract):
            found.append(branch.where(self._contract_in_reach(row, branch.selected_columns.slot)))  # noqa: PERF401  reads better as a step
        return self._slots(row, found)

    def _by_account(self, row: Any, flag: str, bounds: Any, slots: Iterable[int]) -> Iterable[Select[Any]]:
        """Branches by which a bill's account reaches it: listed accounts, and entries that open every account."""
        wanted = list(slots)
        if not wanted:
            return
        everything = [slot for slot in self._access.all_slots("account", "bill_reach", flag) if slot in wanted]
        listed = self._access.objects("account", "bill_reach", flag)
        yield select(listed.c.slot).where(
            listed.c.slot.in_(wanted), listed.c.object_id == row.account_id, bounds(listed), self._version_shown(row, listed)
        )
        if everything:
            entries = self._access.open_entries(flag)
            yield select(entries.c.slot).where(entries.c.slot.in_(everything), bounds(entries), self._version_shown(row, entries))

    def _contract_in_reach(self, row: Any, slot: Any) -> ColumnElement[bool]:
        """One of the section's contracts is in the entry's reach; a section of no contract is not reached this way."""
        contracts = self._access.objects("service_contract", "bill_reach", SECTIONS)
        listed = select(literal(1)).where(contracts.c.slot == slot, contracts.c.object_id == func.any(row.contract_ids))
        everything = self._access.all_slots("service_contract", "bill_reach", SECTIONS)
        return (
            or_(listed.correlate_except(contracts).exists(), slot.in_(everything))
            if everything
            else listed.correlate_except(contracts).exists()
        )

    def _version_shown(self, row: Any, anchor: Anchors) -> ColumnElement[bool]:
        """The newest version, or for an entry whose `sync_until` has passed the one that was valid then (§7.3.1)."""
        if not self._frozen:
            return true()
        frozen = and_(anchor.c.sync_until.is_not(None), anchor.c.sync_until <= self._now)
        then = and_(row.valid_from <= anchor.c.sync_until, or_(row.valid_to.is_(None), row.valid_to > anchor.c.sync_until))
        return case((frozen, then), else_=row.valid_to.is_(None))

    def _slots(self, row: Any, branches: list[Select[Any]]) -> ScalarSelect[Any]:
        """The entries that show the row, ascending; an empty array when none does."""
        empty = cast(literal([], ARRAY(Integer)), ARRAY(Integer))
        if not branches:
            return select(empty).scalar_subquery()
        found = (
            union_all(*(branch.correlate(row) for branch in branches)).subquery()
            if len(branches) > 1
            else branches[0].correlate(row).subquery()
        )
        distinct = func.array_agg(found.c.slot.distinct())
        return select(func.coalesce(distinct, empty)).select_from(found).correlate(row).scalar_subquery()
