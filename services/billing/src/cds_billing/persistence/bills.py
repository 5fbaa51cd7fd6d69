"""Writing bills: append-only versions, the newest by the source's time."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.domain.bill import Section, Statement
from cds_billing.persistence.tables import BillFileRow, BillSectionRow, BillStatementRow, ContractCopyRow

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(id, 0)) FROM unnest(CAST(:ids AS text[])) AS u (id) ORDER BY id")
_DIGITS = msgspec.json.Encoder(decimal_format="number", order="sorted")


def _digits(columns: dict[str, Any]) -> bytes:
    """A form in which `10.0` and `10.00` differ: a correction of digits alone is a change too."""
    return _DIGITS.encode(columns)


class Bills:
    """The store of bills; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, ids: Iterable[UUID]) -> None:
        """One writer per statement and contract until the transaction ends, also before its first row exists."""
        await self._session.execute(_LOCK, {"ids": sorted(map(str, set(ids)))})

    async def store_file(self, statement_id: UUID, mimetype: str, content: bytes) -> UUID:
        """Keep the printed bill; the same bytes again give the same id."""
        digest = hashlib.sha256(content).digest()
        file_id = uuid5(statement_id, digest.hex())
        values = {"file_id": file_id, "statement_id": statement_id, "mimetype": mimetype, "sha256": digest, "content": content}
        await self._session.execute(insert(BillFileRow).values(values).on_conflict_do_nothing())
        return file_id

    async def store_statement(
        self, statement: Statement, *, file_id: UUID | None, file_mimetype: str | None, valid_from: datetime, now: datetime
    ) -> bool:
        """Add a version. False when nothing changed (then only `cds_synced` moves); a late one becomes history."""
        columns: dict[str, Any] = {
            "environment": statement.environment,
            "account_id": statement.account_id,
            "account_number": statement.account_number,
            "statement_date": statement.statement_date,
            "file_id": file_id,
            "file_mimetype": file_mimetype,
            "body": statement.body,
        }
        return await self._store(BillStatementRow, BillStatementRow.statement_id, statement.statement_id, columns, valid_from, now)

    async def store_section(self, section: Section, statement: Statement, *, valid_from: datetime, now: datetime) -> bool:
        """Add a version of a section; rules as for statements."""
        columns: dict[str, Any] = {
            "statement_id": statement.statement_id,
            "environment": statement.environment,
            "account_id": section.account_id,
            "account_number": section.account_number,
            "start_date": section.start_date,
            "end_date": section.end_date,
            "contract_ids": section.contract_ids,
            "point_ids": section.point_ids,
            "meter_ids": section.meter_ids,
            "related_ids": section.related_ids,
            "body": section.body,
        }
        return await self._store(BillSectionRow, BillSectionRow.section_id, section.section_id, columns, valid_from, now)

    async def drop_missing_sections(self, statement: Statement, valid_from: datetime) -> None:
        """A corrected bill may have lost a section: it ends when the correction begins."""
        kept = [section.section_id for section in statement.sections]
        await self._session.execute(
            update(BillSectionRow)
            .where(
                BillSectionRow.statement_id == statement.statement_id,
                BillSectionRow.valid_to.is_(None),
                BillSectionRow.valid_from < valid_from,
                BillSectionRow.section_id.not_in(kept),
            )
            .values(valid_to=valid_from)
        )

    async def _store(self, table: Any, key: Any, object_id: UUID, columns: dict[str, Any], valid_from: datetime, now: datetime) -> bool:
        versions: Sequence[Any] = (
            await self._session.scalars(select(table).where(key == object_id).order_by(table.valid_from).with_for_update())
        ).all()
        before = next((row for row in reversed(versions) if row.valid_from <= valid_from), None)
        after = next((row for row in versions if row.valid_from > valid_from), None)
        if before is not None and _digits({name: getattr(before, name) for name in columns}) == _digits(columns):
            before.cds_synced = max(before.cds_synced, now)
            return False
        if before is not None and before.valid_from == valid_from:
            for name, value in columns.items():
                setattr(before, name, value)
            before.cds_modified = before.cds_synced = now
            return True
        if before is not None:
            before.valid_to = valid_from
            await self._session.flush()
        created = min((row.cds_created for row in versions), default=now)
        row = table(
            **{key.key: object_id}, **columns, valid_from=valid_from, valid_to=after.valid_from if after is not None else None,
            cds_created=created, cds_modified=now, cds_synced=now,
        )  # fmt: skip
        self._session.add(row)
        await self._session.flush()
        return True

    async def store_contract_number(self, contract_id: UUID, environment: str, version: int, contract_number: str | None) -> bool:
        """Keep the newest number of a contract. False when it is not newer or the same."""
        row = insert(ContractCopyRow).values(
            contract_id=contract_id, environment=environment, version=version, contract_number=contract_number
        )
        newer = row.on_conflict_do_update(
            index_elements=[ContractCopyRow.contract_id],
            set_={"version": row.excluded.version, "contract_number": row.excluded.contract_number},
            where=ContractCopyRow.version < row.excluded.version,
        ).returning(ContractCopyRow.contract_id)
        return (await self._session.execute(newer)).first() is not None

    async def sort_sections_of(self, contract_ids: Sequence[UUID]) -> None:
        """Set `sort_contract_number` of every section of these contracts to the smallest number that is known."""
        if not contract_ids:
            return
        smallest = (
            select(func.min(ContractCopyRow.contract_number.collate("C")))
            .where(ContractCopyRow.contract_id == func.any(BillSectionRow.contract_ids))
            .scalar_subquery()
        )
        await self._session.execute(
            update(BillSectionRow)
            .where(BillSectionRow.contract_ids.overlap(list(contract_ids)))
            .values(sort_contract_number=smallest)
            .execution_options(synchronize_session=False)
        )
