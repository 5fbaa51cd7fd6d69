"""Append-only versions of the four kinds of object; the newest by source time is the present."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.versions import ObjectVersion
from cds_accounts.persistence.tables import VERSIONS, service_contract
from cds_common.events.resources import ResourceKind


class Recorded(StrEnum):
    """What a message did."""

    NEW = "new"
    CHANGED = "changed"
    CONFIRMED = "confirmed"
    """The same data, seen again: only `cds_synced` moved."""
    HISTORY = "history"
    """Older than what is known: kept for Grants that are frozen at that time."""


class Versions:
    """The versions of all kinds, in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def record(self, version: ObjectVersion, now: datetime) -> Recorded:
        """Store what a message says about an object; the same or older facts never overwrite newer ones."""
        table = VERSIONS[version.kind]
        await self._lock(version.object_id)
        newest = (await self._session.execute(select(table).where(table.c.object_id == version.object_id, table.c.newest))).first()
        if newest is None:
            await self._insert(table, version, created=now, modified=now, newest=True)
            return Recorded.NEW
        if version.valid_from >= newest.valid_from:
            if newest.digest == version.digest:
                await self._confirm(table, newest, version.valid_from)
                return Recorded.CONFIRMED
            await self._session.execute(update(table).where(table.c.version_id == newest.version_id).values(newest=False))
            await self._insert(table, version, created=newest.cds_created, modified=now, newest=True)
            return Recorded.CHANGED
        return await self._record_history(table, version, created=newest.cds_created, now=now)

    async def renumber(self, contract: Any, account_number: str, *, valid_from: datetime, now: datetime) -> None:
        """Give a Service Contract the number that its account has since `valid_from` (CDS-WG3-01 §10.2.1): a change of its own."""
        table = service_contract
        await self._session.execute(update(table).where(table.c.version_id == contract.version_id).values(newest=False))
        kept = {column.key: getattr(contract, column.key) for column in table.c if column.key != "version_id"}
        changed = {
            "account_number": account_number,
            "valid_from": max(contract.valid_from, valid_from),
            "cds_synced": max(contract.cds_synced, valid_from),
            "recorded_at": now,
            "cds_modified": now,
            "newest": True,
        }
        await self._session.execute(insert(table).values({_column(table, name): value for name, value in (kept | changed).items()}))

    async def load(self, kind: ResourceKind, ids: Iterable[UUID], at: datetime | None = None) -> dict[UUID, Any]:
        """The versions of these objects that are newest, or that were valid at `at`."""
        wanted = list(ids)
        if not wanted:
            return {}
        table = VERSIONS[kind]
        statement = select(table).where(table.c.object_id == func.any(wanted))
        if at is None:
            statement = statement.where(table.c.newest)
        else:
            order = (table.c.object_id, table.c.valid_from.desc(), table.c.version_id.desc())
            statement = statement.where(table.c.valid_from <= at).distinct(table.c.object_id).order_by(*order)
        return {row.object_id: row for row in (await self._session.execute(statement)).all()}

    async def _record_history(self, table: Table, version: ObjectVersion, *, created: datetime, now: datetime) -> Recorded:
        before = select(table).where(table.c.object_id == version.object_id, table.c.valid_from <= version.valid_from)
        before = before.order_by(table.c.valid_from.desc(), table.c.version_id.desc()).limit(1)
        known = (await self._session.execute(before)).first()
        if known is not None and known.digest == version.digest:
            await self._confirm(table, known, version.valid_from)
            return Recorded.CONFIRMED
        await self._insert(table, version, created=created, modified=now, newest=False)
        return Recorded.HISTORY

    async def _insert(self, table: Table, version: ObjectVersion, *, created: datetime, modified: datetime, newest: bool) -> None:
        values: dict[str, Any] = {
            "object_id": version.object_id,
            "environment": version.environment,
            "ref": version.ref,
            "valid_from": version.valid_from,
            "recorded_at": modified,
            "newest": newest,
            "cds_created": created,
            "cds_modified": modified,
            "cds_synced": version.valid_from,
            "digest": version.digest,
            "document": version.document,
            **version.columns,
        }
        if version.kind == "service_contract":
            values["account_number"] = await self._account_number(version.columns["cds_account_id"], version.valid_from, newest=newest)
        await self._session.execute(insert(table).values({_column(table, name): value for name, value in values.items()}))

    async def _account_number(self, account_id: UUID, at: datetime, *, newest: bool) -> str | None:
        rows = await self.load("account", [account_id], None if newest else at)
        found = rows.get(account_id)
        return None if found is None else found.account_number

    async def _confirm(self, table: Table, row: Any, at: datetime) -> None:
        await self._session.execute(
            update(table).where(table.c.version_id == row.version_id).values(cds_synced=func.greatest(table.c.cds_synced, at))
        )

    async def _lock(self, object_id: UUID) -> None:
        """One writer per object: its versions are compared before one is added."""
        await self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(object_id), 1))))


def _column(table: Table, name: str) -> Any:
    return table.c[name]
