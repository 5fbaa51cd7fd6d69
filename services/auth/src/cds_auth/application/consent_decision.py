"""The customer's decision: at most one per request, and everything that follows from it in one transaction (§9.1.1)."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.authorize_grant import Approval, approve_consent
from cds_auth.application.codes import issue_code
from cds_auth.application.consent_form import LoadedForm, Posted, load_form
from cds_auth.application.consent_start import ConsentContext, request_of
from cds_auth.application.consent_words import terms_of
from cds_auth.application.customer_authorizations import details_of_scopes
from cds_auth.application.customer_sessions import hash_of
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.authorization_redirect import authorization_redirect
from cds_auth.domain.brand import Brand
from cds_auth.domain.consent_form import ConsentForm, RequestSection
from cds_auth.domain.grant import Grant, Selection
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.receipt import ReceiptSnapshot, ReceiptTerms, new_confirmation, snapshot_of
from cds_auth.persistence import customer_copies, receipts
from cds_auth.persistence.customer_tables import ConsentRequestRow, DecisionRow, ReceiptMailRow, ReceiptRow
from cds_common import exact_json
from cds_common.ids import Environment

REPEAT_FOR = timedelta(seconds=60)
"""How long a second press of the button gets the first one's redirect; after that the code in it is dead anyway."""

NO_PRESELECTIONS = "no_preselections"
"""What declining on the Preselection Error page says (§7.4.3; §9.3.1 has another word for the same button)."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """What was posted for one Request Section."""

    ids: frozenset[UUID] = frozenset()
    include_future: bool = False
    search: str = ""
    only_selected: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """The redirect that ends the process."""

    location: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The form must be shown again, with the faulty places marked."""

    loaded: LoadedForm
    form: ConsentForm
    stale: bool
    """A posted entry is not in the list: another customer's, or no longer this one's. It is not said which."""


async def approve(
    tx: AsyncSession,
    context: ConsentContext,
    vault: PageSecrets,
    row: ConsentRequestRow,
    customer_id: UUID,
    ticks: Mapping[int, Ticks],
    posted: Posted,
    phrases: Phrases,
    *,
    now: datetime,
) -> Decided | Incomplete:
    """Approve a locked, undecided request with these ticks, changes and answers; or say what is missing.

    Raises:
        AuthorizationRefused: the request does not fit this customer any more.
        FormRefused: a change that the form does not offer.
    """
    loaded = await load_form(tx, context, row, customer_id, phrases, now=now, posted=posted)
    form, stale = ticked(loaded.form, ticks)
    if loaded.nothing_preselected or stale or not form.complete:
        return Incomplete(loaded, form.with_errors(), stale)
    confirmation = new_confirmation()
    grant = await approve_consent(
        tx,
        loaded.request,
        customer_id=customer_id,
        approvals=_approvals(loaded, form),
        receipt_confirmation=confirmation,
        approved_at=now,
        rules=context.rules,
    )
    snapshot = await _snapshot(tx, context, form, grant, phrases, now)
    receipt = await _store_receipt(tx, vault, row, grant, customer_id, snapshot, confirmation, now=now)
    await _announce(tx, receipt, form.closing.contact, request_of(row).environment)
    code = await issue_code(tx, loaded.request, grant.grant_id, customer_id=customer_id, now=now, rules=context.rules)
    location = authorization_redirect(loaded.request, context.settings.public_url, {"code": code})
    _decide(row, vault, "approved", location, now=now)
    await tx.flush()
    return Decided(location)


async def _snapshot(
    tx: AsyncSession, context: ConsentContext, form: ConsentForm, grant: Grant, phrases: Phrases, now: datetime
) -> ReceiptSnapshot:
    terms = await _kept_terms(tx, context.brand, phrases, now)
    return snapshot_of(form, brand=context.brand.name, terms=terms, language=phrases.language, details=details_of_scopes(grant))


async def _kept_terms(tx: AsyncSession, brand: Brand, phrases: Phrases, now: datetime) -> ReceiptTerms | None:
    """The terms that this approval accepts, with their text on record."""
    terms = terms_of(brand, phrases)
    if terms is not None:
        await receipts.keep_terms(tx, digest=terms.digest, version=terms.version, text=brand.terms_text or "", now=now)
    return terms


async def decline(
    tx: AsyncSession,
    context: ConsentContext,
    vault: PageSecrets,
    row: ConsentRequestRow,
    *,
    customer_id: UUID | None,
    kind: str = "declined",
    error: str = "access_denied",
    now: datetime,
) -> Decided:
    """End a locked, undecided request without a Grant, receipt or notification."""
    location = authorization_redirect(request_of(row), context.settings.public_url, {"error": error})
    _decide(row, vault, "declined", location, now=now)
    await receipts.add_decision(tx, DecisionRow(at=now, kind=kind, client_id=row.client_id, customer_id=customer_id))
    return Decided(location)


def repeated(row: ConsentRequestRow, vault: PageSecrets, *, now: datetime) -> Decided | None:
    """The redirect of a decision that was just made; None once it is too old to repeat."""
    if row.decided is None or row.outcome is None or now > row.decided + REPEAT_FOR:
        return None
    return Decided(vault.decrypt(row.outcome))


def ticked(form: ConsentForm, ticks: Mapping[int, Ticks]) -> tuple[ConsentForm, bool]:
    """The form with the posted ticks, searches and filters; and whether an id was posted that its section does not list."""
    sections: list[RequestSection] = []
    stale = False
    for section in form.sections:
        posted = ticks.get(section.number, Ticks())
        listed = frozenset(entry.id for entry in section.selection.entries)
        stale = stale or not (section.removed or section.selection.read_only or posted.ids <= listed)
        chosen = section.selection.with_ticks(posted.ids, include_future=posted.include_future)
        sections.append(replace(section, selection=chosen.filtered(posted.search, only_selected=posted.only_selected)))
    return replace(form, sections=tuple(sections)), stale


def _approvals(loaded: LoadedForm, form: ConsentForm) -> list[Approval]:
    by_scope = {scope: section for section in form.kept for scope in section.scopes}
    approvals: list[Approval] = []
    for entry in loaded.edited:
        listed = by_scope[entry.scope].selection
        chosen = tuple(listed_entry.id for listed_entry in listed.entries if listed_entry.ticked)
        refused = tuple(listed_entry.id for listed_entry in listed.entries if not listed_entry.ticked) if listed.include_future else ()
        selection = Selection(listed.kind, chosen, include_future=listed.include_future, except_ids=refused)
        approvals.append(Approval(entry.scope, entry.details, selection))
    return approvals


async def _store_receipt(
    tx: AsyncSession,
    vault: PageSecrets,
    row: ConsentRequestRow,
    grant: Grant,
    customer_id: UUID,
    snapshot: ReceiptSnapshot,
    confirmation: str,
    *,
    now: datetime,
) -> ReceiptRow:
    token = secrets.token_urlsafe(32)
    stored = snapshot.to_json()
    receipt = ReceiptRow(
        receipt_id=uuid4(),
        token_hash=hash_of(token),
        token_encrypted=vault.encrypt(token),
        confirmation=confirmation,
        grant_id=grant.grant_id,
        client_id=row.client_id,
        customer_id=customer_id,
        environment=row.environment,
        created=now,
        language=snapshot.language,
        snapshot=stored,
    )
    decision = DecisionRow(
        at=now,
        kind="approved",
        client_id=row.client_id,
        customer_id=customer_id,
        grant_id=grant.grant_id,
        receipt_id=receipt.receipt_id,
        form_hash=hashlib.sha256(exact_json.encode(stored)).digest(),
    )
    await receipts.add_receipt(tx, receipt, decision)
    row.receipt_id = receipt.receipt_id
    return receipt


async def _announce(tx: AsyncSession, receipt: ReceiptRow, contact: str | None, environment: Environment) -> None:
    """Queue the notification; an address from the form serves this one only and is forgotten once it is sent (§9.2.1.5)."""
    customer = await customer_copies.find_customer(tx, receipt.customer_id, environment)
    address = (customer.email if customer is not None else None) or contact
    if address:
        await receipts.add_mail(tx, ReceiptMailRow(receipt_id=receipt.receipt_id, address=address, due=receipt.created))


def _decide(row: ConsentRequestRow, vault: PageSecrets, decision: str, location: str, *, now: datetime) -> None:
    row.decision, row.decided, row.outcome = decision, now, vault.encrypt(location)
