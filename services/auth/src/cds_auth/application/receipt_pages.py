"""Receipts as their pages need them: found by address or code, compared with what is true now, ended (CDS-WG3-01 §9.4)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.codes import find_grant_of_code
from cds_auth.application.consent_start import ConsentContext
from cds_auth.application.customer_authorizations import LiveWords, live_words
from cds_auth.application.customer_sessions import hash_of
from cds_auth.application.grants_of_customer import get_grant, revoke_grant_by_customer
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.customer_errors import PageNotFound
from cds_auth.domain.grant import Grant
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.receipt import ReceiptSnapshot
from cds_auth.persistence import receipts
from cds_auth.persistence.customer_tables import DecisionRow, ReceiptRow


@dataclass(frozen=True, slots=True)
class LoadedReceipt:
    """A receipt with what became of it."""

    row: ReceiptRow
    snapshot: ReceiptSnapshot
    grant: Grant
    live: LiveWords
    newer_token: str | None
    """Address of the receipt that replaced this one."""


async def load_receipt(
    tx: AsyncSession, context: ConsentContext, vault: PageSecrets, token: str, phrases: Phrases, *, now: datetime
) -> LoadedReceipt:
    """The receipt behind an address; the address is all that anybody needs.

    Raises:
        PageNotFound: there is none.
    """
    row = await get_receipt_row(tx, token)
    grant = await get_grant(tx, row.grant_id)
    newest = await receipts.newest_receipt_of_grant(tx, row.grant_id)
    replaced = newest is not None and newest.receipt_id != row.receipt_id
    return LoadedReceipt(
        row=row,
        snapshot=ReceiptSnapshot.from_json(row.snapshot),
        grant=grant,
        live=await live_words(tx, context, grant, phrases, now=now),
        newer_token=vault.decrypt(newest.token_encrypted) if replaced and newest is not None else None,
    )


async def get_receipt_row(tx: AsyncSession, token: str) -> ReceiptRow:
    """The stored receipt behind an address.

    Raises:
        PageNotFound: there is none.
    """
    row = await receipts.find_receipt(tx, hash_of(token)) if len(token) <= 100 else None
    if row is None:
        raise PageNotFound("No such receipt.")
    return row


async def find_receipt_of_code(tx: AsyncSession, vault: PageSecrets, code: str, *, client_id: str, now: datetime) -> str:
    """Address of the receipt of the authorization that `code` stands for; the code stays unredeemed (§9.1.1).

    Raises:
        PageNotFound: unknown code.
    """
    grant_id = await find_grant_of_code(tx, code, client_id=client_id, now=now)
    newest = await receipts.newest_receipt_of_grant(tx, grant_id) if grant_id is not None else None
    if newest is None:
        raise PageNotFound("No authorization of that code.")
    return vault.decrypt(newest.token_encrypted)


async def revoke(
    tx: AsyncSession, context: ConsentContext, grant_id: str, *, customer_id: UUID | None, receipt_id: UUID | None, now: datetime
) -> tuple[Grant, bool]:
    """End the Grant on its customer's word; True when it was this that ended it.

    `customer_id`: who is logged in; None when the receipt's address was enough.
    """
    before = await get_grant(tx, grant_id)
    after = await revoke_grant_by_customer(tx, grant_id, now=now, rules=context.rules)
    ended_now = not before.is_ended and after.is_ended
    if ended_now:
        line = DecisionRow(
            at=now, kind="revoked", client_id=after.client_id, customer_id=customer_id, grant_id=grant_id, receipt_id=receipt_id
        )
        await receipts.add_decision(tx, line)
    return after, ended_now
