"""The form of one request for one customer: second validation, preselection, lists (CDS-WG3-01 §9.1.1, after login)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.authorization_requests import revalidate_for_customer
from cds_auth.application.consent_start import ConsentContext, request_of
from cds_auth.application.consent_words import edit_words, form_words
from cds_auth.application.rules import AuthRules
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.closing import Closing, ClosingAnswers, build_closing
from cds_auth.domain.consent_form import ConsentForm, CustomerResources, FormWords, build_form
from cds_auth.domain.customer_errors import FormRefused, PageExpired, PageNotFound
from cds_auth.domain.data_component import CONSENT_SCOPE
from cds_auth.domain.editing import EditControls, SectionEdits, edit_section
from cds_auth.domain.grant import Grant
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.session import BrowserSession
from cds_auth.persistence import consent_requests, customer_copies
from cds_auth.persistence.customer_tables import ConsentRequestRow
from cds_common.access.catalogue import PRESELECTION_FIELDS
from cds_common.access.details import EffectiveEntry
from cds_common.access.durations import local_date
from cds_common.access.merging import request_sections
from cds_common.access.relations import Relations
from cds_common.access.selection import preselected, related_to_aggregations, shows_preselection_error
from cds_common.events.clients import ClientPublishedV1
from cds_common.ids import Environment


@dataclass(frozen=True, slots=True)
class Posted:
    """What the customer changed and filled in, besides the ticks."""

    edits: Mapping[int, SectionEdits]
    answers: ClosingAnswers = field(default_factory=ClosingAnswers)


UNTOUCHED = Posted({})

_PROLONGED_EVERY = timedelta(seconds=30)

_CONTRACT_LISTS = frozenset({"account_selection", "service_contract_selection"})
_CONTRACT_FIELDS = frozenset({"account_numbers", "account_programs", "contract_numbers", "service_types", "service_programs"})
"""Preselection fields that accounts and contracts alone answer."""


@dataclass(frozen=True, slots=True)
class LoadedForm:
    """A form and what the decision needs of it."""

    request: AuthorizationRequest
    client: ClientPublishedV1
    entries: tuple[EffectiveEntry, ...]
    """What is asked: of the request, or of the Grant that it names (cds_grant_id)."""
    sections: tuple[tuple[EffectiveEntry, ...], ...]
    edited: tuple[EffectiveEntry, ...]
    """What is asked less what the customer took out; an approval is about these."""
    form: ConsentForm
    nothing_preselected: bool
    """The Preselection Error page takes the form's place (§9.3.1)."""


async def get_request(
    tx: AsyncSession, session: BrowserSession | None, txn: str, *, now: datetime, lock: bool = False
) -> ConsentRequestRow:
    """The request of this browser.

    Raises:
        PageNotFound: unknown, or another browser's.
        PageExpired: it ran out undecided.
    """
    row = await consent_requests.find_request(tx, txn, session.session_hash, lock=lock) if session else None
    if row is None:
        raise PageNotFound("No such request in this browser.")
    if row.decision is None and row.expires <= now:
        raise PageExpired("The request ran out.")
    return row


def keep_alive(row: ConsentRequestRow, until: datetime) -> None:
    """The customer is at it: the request lives until then. Written down every half a minute at most, as with sessions."""
    if until - row.expires > _PROLONGED_EVERY:
        row.expires = until


async def load_form(
    tx: AsyncSession,
    context: ConsentContext,
    row: ConsentRequestRow,
    customer_id: UUID,
    phrases: Phrases,
    *,
    now: datetime,
    posted: Posted = UNTOUCHED,
) -> LoadedForm:
    """Validate the request again for this customer and build the form.

    Raises:
        AuthorizationRefused: it does not fit this customer, or the Client changed since; a redirect to the Client.
        FormRefused: a change that the form does not offer.
    """
    request = request_of(row)
    client, grant = await revalidate_for_customer(
        tx,
        request,
        customer_id=customer_id,
        customer_environment=request.environment,
        rules=context.rules,
        clients=context.clients,
        now=now,
    )
    keep_alive(row, now + context.settings.consent_request_lifetime)
    entries = request.entries if grant is None else _entries_of_grant(grant, request)
    own = await load_resources(tx, customer_id, request.environment, now=now, contracts_only=not any(map(_needs_meters, entries)))
    entries = await _from_last_bill(tx, entries, own, request.environment, context.rules, now)
    sections = tuple(tuple(section) for section in request_sections(list(entries)))
    words = form_words(context, phrases, now=now)
    edited = _edited(context, sections, posted.edits, words, by_grant=grant is not None)
    form = build_form(edited, client, own, words)
    return LoadedForm(
        request=request,
        client=client,
        entries=tuple(entries),
        sections=sections,
        edited=tuple(entry for section, controls in edited if not (controls and controls.removed) for entry in section),
        form=replace(form, closing=await _closing(tx, context, form, own, posted.answers, request.environment, phrases.language)),
        nothing_preselected=any(_lacks_preselection(section, own) for section in sections),
    )


def _edited(
    context: ConsentContext,
    sections: tuple[tuple[EffectiveEntry, ...], ...],
    edits: Mapping[int, SectionEdits],
    words: FormWords,
    *,
    by_grant: bool,
) -> list[tuple[tuple[EffectiveEntry, ...], EditControls | None]]:
    """The sections with the customer's changes. What a Grant waits for is authorized or declined as it is."""
    if not edits.keys() <= set(range(1, len(sections) + 1)) or (by_grant and not all(each.empty for each in edits.values())):
        raise FormRefused("A change to a part that the request does not have.")
    if by_grant:
        return [(section, None) for section in sections]
    known = edit_words(context, words)
    edited = [edit_section(section, edits.get(number, SectionEdits()), known) for number, section in enumerate(sections, start=1)]
    if all(controls is not None and controls.removed for _, controls in edited):
        raise FormRefused("The last part of a request stays.")
    return edited


async def _closing(
    tx: AsyncSession,
    context: ConsentContext,
    form: ConsentForm,
    own: CustomerResources,
    answers: ClosingAnswers,
    environment: Environment,
    language: str,
) -> Closing:
    customer = await customer_copies.find_customer(tx, own.customer_id, environment)
    return build_closing(
        context.closing,
        [scope for section in form.kept for scope in section.scopes],
        own.resources.values(),
        answers,
        language=language,
        has_contact=bool(customer and customer.email),
    )


async def _from_last_bill(
    tx: AsyncSession, entries: tuple[EffectiveEntry, ...], own: CustomerResources, environment: Environment, rules: AuthRules, now: datetime
) -> tuple[EffectiveEntry, ...]:
    """Where the scope says so, bills begin at the customer's last one, or today when that is earlier (CDS-WG3-01 §4.7)."""
    if not any(rules.offered[entry.scope].starts_at_last_bill for entry in entries):
        return entries
    accounts = [resource.resource_id for resource in own.resources.values() if resource.kind == "account"]
    today = local_date(now, rules.tz)
    start = min(await customer_copies.last_bill_of(tx, accounts, environment) or today, today).isoformat()
    return tuple(
        replace(entry, details=entry.details | {"statement_date_start": start}) if rules.offered[entry.scope].starts_at_last_bill else entry
        for entry in entries
    )


def _needs_meters(entry: EffectiveEntry) -> bool:
    """Whether the list or its ticks depend on more than accounts and contracts: most requests of large customers do not."""
    if entry.scope_type in {CONSENT_SCOPE, "cds_meters"} or entry.details["authorization_form_selection_type"] not in _CONTRACT_LISTS:
        return True
    return any(entry.details.get(name) is not None for name in PRESELECTION_FIELDS if name not in _CONTRACT_FIELDS)


async def load_resources(
    tx: AsyncSession, customer_id: UUID, environment: Environment, *, now: datetime, contracts_only: bool = False
) -> CustomerResources:
    """The customer's own resources and the groups that count them, with their true relations."""
    if contracts_only:
        resources = await customer_copies.contracts_of_customer(tx, customer_id, environment)
    else:
        resources = await customer_copies.resources_of_customer(tx, customer_id, environment)
    points = [resource.resource_id for resource in resources if resource.kind == "service_point"]
    aggregations = await customer_copies.aggregations_of_points(tx, points, environment) if points else []
    return CustomerResources(
        customer_id=customer_id,
        relations=Relations.of(resources, aggregations, at=now),
        resources={resource.resource_id: resource for resource in resources},
        aggregations={aggregation.aggregation_id: aggregation for aggregation in aggregations},
    )


def _entries_of_grant(grant: Grant, request: AuthorizationRequest) -> tuple[EffectiveEntry, ...]:
    """What the named Grant waits for, as the server keeps it: the request cannot show one thing and authorize another.

    Only what it preselects is the request's own say, and that only where the Grant has no word on it.
    """
    sent = {entry.scope: entry.details for entry in request.entries}
    entries: list[EffectiveEntry] = []
    for entry in grant.asked:
        if not entry.authorized:
            ticks = {name: value for name, value in sent.get(entry.scope, {}).items() if name in PRESELECTION_FIELDS}
            kept = {name: value for name, value in (entry.details or {}).items() if name != "type"}
            entries.append(EffectiveEntry(entry.entry_no, entry.scope, entry.scope_type, ticks | kept))
    return tuple(entries)


def _lacks_preselection(section: tuple[EffectiveEntry, ...], own: CustomerResources) -> bool:
    first = section[0]
    if first.scope_type == CONSENT_SCOPE:
        return not related_to_aggregations(own.relations, own.customers, first.details)
    selection_type = str(first.details["authorization_form_selection_type"])
    return shows_preselection_error(section, preselected(own.relations, own.customers, selection_type, first.details))
