"""A customer's authorizations in words: what each opens now, for how long, in which state, and who read what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.consent_start import ConsentContext
from cds_auth.application.consent_words import form_words
from cds_auth.application.grants_of_customer import get_grant, list_customer_grants
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.consent_form import data_lines, duration_lines, requester
from cds_auth.domain.customer_errors import PageNotFound
from cds_auth.domain.grant import Grant, GrantEntry
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.receipt import STOPPABLE, status_words
from cds_auth.persistence import receipts
from cds_common.access.details import EffectiveEntry
from cds_common.ids import Environment

MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class LiveWords:
    """A Grant as it is now, in words."""

    status: GrantStatus
    status_text: str
    can_stop: bool
    client_name: str
    client_uri: str | None
    data: tuple[str, ...]
    durations: tuple[str, ...]
    selected: frozenset[UUID]
    include_future: bool


@dataclass(frozen=True, slots=True)
class ReceiptLink:
    """The way to one receipt."""

    href: str
    date: str


@dataclass(frozen=True, slots=True)
class Authorization:
    """One line of the customer's list."""

    grant_id: str
    words: LiveWords
    since: str
    receipts: tuple[ReceiptLink, ...]
    ended: bool
    last_read: tuple[datetime, str] | None
    """When anything was last read with it, and at which data service."""


async def list_authorizations(
    tx: AsyncSession,
    context: ConsentContext,
    vault: PageSecrets,
    customer_id: UUID,
    environment: Environment,
    phrases: Phrases,
    *,
    now: datetime,
) -> list[Authorization]:
    """All Grants that the customer has authorized, last changed first."""
    grants = [
        grant
        for grant in await list_customer_grants(tx, customer_id, limit=MAX_LISTED)
        if grant.environment == environment and grant.receipt_confirmations
    ]
    return await _authorizations(tx, context, vault, customer_id, grants, phrases, now=now)


async def get_authorization(
    tx: AsyncSession,
    context: ConsentContext,
    vault: PageSecrets,
    customer_id: UUID,
    environment: Environment,
    grant_id: str,
    phrases: Phrases,
    *,
    now: datetime,
) -> Authorization:
    """One of them.

    Raises:
        PageNotFound: not this customer's.
    """
    grant = await get_own_grant(tx, customer_id, environment, grant_id)
    return (await _authorizations(tx, context, vault, customer_id, [grant], phrases, now=now))[0]


async def get_own_grant(tx: AsyncSession, customer_id: UUID, environment: Environment, grant_id: str) -> Grant:
    """The customer's Grant.

    Raises:
        PageNotFound: unknown, or another customer's: both look alike.
        GrantNotFound: unknown.
    """
    grant = await get_grant(tx, grant_id)
    if customer_id not in grant.customer_ids or grant.environment != environment or not grant.receipt_confirmations:
        raise PageNotFound("No such authorization of this customer.")
    return grant


async def live_words(tx: AsyncSession, context: ConsentContext, grant: Grant, phrases: Phrases, *, now: datetime) -> LiveWords:
    """What the Grant opens now, in the words of the form."""
    client = await context.clients.find(tx, grant.client_id)
    named = requester(client) if client is not None else None
    words = form_words(context, phrases, now=now)
    shown = [_entry(entry) for entry in grant.asked if not grant.is_ended and entry.authorized]
    lines = data_lines(shown, words) if shown else ()
    name = named.name if named else grant.client_id
    starts = phrases.time(grant.not_before, context.rules.tz) if grant.not_before else ""
    ended = phrases.time(grant.not_after, context.rules.tz) if grant.not_after else ""
    selections = [entry.selection for entry in grant.asked if entry.selection is not None]
    return LiveWords(
        status=grant.status,
        status_text=status_words(grant.status, starts=starts, ended=ended, phrases=phrases),
        can_stop=grant.status in STOPPABLE,
        client_name=name,
        client_uri=named.uri if named else None,
        data=tuple(line.summary for line in lines),
        durations=duration_lines(shown, name, words) if shown else (),
        selected=frozenset(object_id for selection in selections for object_id in selection.ids),
        include_future=any(selection.include_future for selection in selections),
    )


async def _authorizations(
    tx: AsyncSession,
    context: ConsentContext,
    vault: PageSecrets,
    customer_id: UUID,
    grants: Sequence[Grant],
    phrases: Phrases,
    *,
    now: datetime,
) -> list[Authorization]:
    links: dict[str, list[ReceiptLink]] = {}
    for row in await receipts.receipts_of_grants(tx, [grant.grant_id for grant in grants], customer_id):
        date = phrases.date(row.created.astimezone(context.rules.tz).date())
        links.setdefault(row.grant_id, []).append(ReceiptLink(f"/receipts/{vault.decrypt(row.token_encrypted)}", date))
    last_read = await receipts.last_accesses(tx, [grant.grant_id for grant in grants])
    return [
        Authorization(
            grant_id=grant.grant_id,
            words=await live_words(tx, context, grant, phrases, now=now),
            since=phrases.date(grant.created.astimezone(context.rules.tz).date()),
            receipts=tuple(links.get(grant.grant_id, ())),
            ended=grant.is_ended,
            last_read=last_read.get(grant.grant_id),
        )
        for grant in grants
    ]


def details_of_scopes(grant: Grant) -> dict[str, dict[str, Any]]:
    """Scope -> its details, of everything in the Grant that nobody has to authorize any more."""
    return {entry.scope: dict(_entry(entry).details) for entry in grant.asked if entry.authorized}


def _entry(entry: GrantEntry) -> EffectiveEntry:
    details = {name: value for name, value in (entry.details or {}).items() if name != "type"}
    return EffectiveEntry(entry.entry_no, entry.scope, entry.scope_type, details)
