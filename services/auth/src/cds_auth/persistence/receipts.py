"""Receipts, the mails that announce them, the decision trail and the access log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, delete, func, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.customer_tables import AcceptedTermsRow, AccessLogRow, DecisionRow, ReceiptMailRow, ReceiptRow


async def add_receipt(tx: AsyncSession, receipt: ReceiptRow, decision: DecisionRow) -> None:
    """Store a receipt with its line in the decision trail."""
    tx.add_all([receipt, decision])
    await tx.flush()


async def add_decision(tx: AsyncSession, decision: DecisionRow) -> None:
    """Store a line of the decision trail."""
    tx.add(decision)
    await tx.flush()


async def keep_terms(tx: AsyncSession, *, digest: str, version: str, text: str, now: datetime) -> None:
    """Keep the text of accepted terms once."""
    values = {"digest": digest, "version": version, "text": text, "first_accepted": now}
    await tx.execute(insert(AcceptedTermsRow).values(**values).on_conflict_do_nothing())


async def find_terms(tx: AsyncSession, digest: str) -> AcceptedTermsRow | None:
    """The terms with this digest."""
    return await tx.get(AcceptedTermsRow, digest)


async def find_receipt(tx: AsyncSession, token_hash: bytes) -> ReceiptRow | None:
    """The receipt behind an address."""
    return await tx.scalar(select(ReceiptRow).where(ReceiptRow.token_hash == token_hash))


async def get_receipt(tx: AsyncSession, receipt_id: UUID) -> ReceiptRow:
    """The receipt with this id."""
    return await tx.get_one(ReceiptRow, receipt_id)


async def newest_receipt_of_grant(tx: AsyncSession, grant_id: str) -> ReceiptRow | None:
    """The receipt that counts now."""
    return await tx.scalar(
        select(ReceiptRow).where(ReceiptRow.grant_id == grant_id).order_by(ReceiptRow.created.desc(), ReceiptRow.receipt_id.desc()).limit(1)
    )


async def receipts_of_grants(tx: AsyncSession, grant_ids: Sequence[str], customer_id: UUID) -> list[ReceiptRow]:
    """The customer's own receipts of these Grants, oldest first."""
    rows = await tx.scalars(
        select(ReceiptRow)
        .where(ReceiptRow.grant_id.in_(grant_ids), ReceiptRow.customer_id == customer_id)
        .order_by(ReceiptRow.created, ReceiptRow.receipt_id)
    )
    return list(rows)


async def add_mail(tx: AsyncSession, mail: ReceiptMailRow) -> None:
    """Queue a notification."""
    tx.add(mail)
    await tx.flush()


async def next_mail(tx: AsyncSession, now: datetime) -> ReceiptMailRow | None:
    """A notification that is due, locked; other workers pass it by."""
    return await tx.scalar(
        select(ReceiptMailRow)
        .where(
            ReceiptMailRow.sent.is_(None), ReceiptMailRow.given_up.is_(None), ReceiptMailRow.address.is_not(None), ReceiptMailRow.due <= now
        )
        .order_by(ReceiptMailRow.due)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


async def give_up_mails(tx: AsyncSession, *, due_before: datetime, now: datetime) -> None:
    """Stop waiting for a mail server; an address is kept no longer than the sending needs it."""
    waiting = (ReceiptMailRow.sent.is_(None), ReceiptMailRow.given_up.is_(None), ReceiptMailRow.due < due_before)
    await tx.execute(update(ReceiptMailRow).where(*waiting).values(given_up=now, address=None))


async def add_accesses(tx: AsyncSession, lines: Sequence[Mapping[str, Any]]) -> None:
    """Store what `cds.access` told: columns of `AccessLogRow` without its id. Thousands come a second: no object is made of each."""
    if lines:
        await tx.execute(insert(AccessLogRow), lines)


async def accesses_of_grant(tx: AsyncSession, grant_id: str, *, before_id: int | None, limit: int) -> list[AccessLogRow]:
    """Newest first; `before_id` is the last line of the page before."""
    statement = select(AccessLogRow).where(AccessLogRow.grant_id == grant_id)
    if before_id is not None:
        last = await tx.get(AccessLogRow, before_id)
        if last is None or last.grant_id != grant_id:
            return []
        statement = statement.where((AccessLogRow.at < last.at) | ((AccessLogRow.at == last.at) & (AccessLogRow.id < last.id)))
    return list(await tx.scalars(statement.order_by(AccessLogRow.at.desc(), AccessLogRow.id.desc()).limit(limit)))


async def last_accesses(tx: AsyncSession, grant_ids: Sequence[str]) -> dict[str, tuple[datetime, str]]:
    """When each of these Grants was last read, and at which service; one look into the index per Grant."""
    wanted = select(func.unnest(cast(list(grant_ids), ARRAY(Text))).label("grant_id")).subquery()
    newest = (
        select(AccessLogRow.at, AccessLogRow.service)
        .where(AccessLogRow.grant_id == wanted.c.grant_id)
        .order_by(AccessLogRow.at.desc(), AccessLogRow.id.desc())
        .limit(1)
        .lateral()
    )
    rows = await tx.execute(select(wanted.c.grant_id, newest.c.at, newest.c.service).join(newest, true()))
    return {grant_id: (at, service) for grant_id, at, service in rows.tuples()}


async def drop_old_accesses(tx: AsyncSession, before: datetime) -> None:
    """The log ends where its retention ends."""
    await tx.execute(delete(AccessLogRow).where(AccessLogRow.at < before))
