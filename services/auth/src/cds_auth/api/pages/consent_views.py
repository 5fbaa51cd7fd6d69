"""Turns a loaded form into its page, and its faults into words."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.pages.frame import message, phrases_of, render, sentence, site_of
from cds_auth.application.consent_form import LoadedForm
from cds_auth.domain.brand import Brand
from cds_auth.domain.consent_form import ConsentForm, Requester
from cds_auth.domain.data_component import DataCategory
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.plain_text import safe_line
from cds_auth.domain.selection_list import type_words
from cds_auth.domain.session import BrowserSession
from cds_auth.persistence import receipts
from cds_auth.persistence.customer_tables import ConsentRequestRow
from cds_common.access.catalogue import PRESELECTION_FIELDS
from cds_common.access.details import EffectiveEntry

MAX_ASKED = 20
"""Values of one preselection field that the Preselection Error page names; the rest is counted."""


def form_page(
    request: Request,
    txn: str,
    browser: BrowserSession,
    loaded: LoadedForm,
    form: ConsentForm,
    *,
    phrases: Phrases,
    stale: bool = False,
    status: int = 200,
) -> Response:
    """The form with these ticks."""
    site = site_of(request)
    name = client_markup(form.requester, phrases)
    return render(
        request,
        "consent.html",
        status=status,
        session=browser,
        leads_to=loaded.request.redirect_uri,
        environment=loaded.request.environment,
        phrases=phrases,
        txn=txn,
        form=form,
        requester_sentence=sentence(phrases, "form.requester", client=name),
        written_by=sentence(phrases, "form.purpose_by_client", client=_plain_client(form.requester)),
        section_data={section.number: [_data_line(line) for line in section.data] for section in form.sections},
        show_meters=_meters_shown(loaded),
        terms_sentence=_terms_sentence(site.context(request).brand, phrases),
        errors=_errors(form, phrases, stale=stale),
        faults=frozenset(form.closing.faults) if form.closing.checked else frozenset[str](),
    )


def preselection_page(request: Request, txn: str, browser: BrowserSession, loaded: LoadedForm) -> Response:
    """What was asked for and is not in the profile, with the two ways on (§9.3.1)."""
    phrases = phrases_of(request)
    asked = [line for entry in loaded.entries for line in _asked(entry, phrases)]
    return render(
        request,
        "preselection.html",
        session=browser,
        leads_to=loaded.request.redirect_uri,
        environment=loaded.request.environment,
        txn=txn,
        sentence=sentence(phrases, "preselection.text", client=_plain_client(loaded.form.requester)),
        asked=list(dict.fromkeys(asked)),
    )


async def decided_page(request: Request, tx: AsyncSession, row: ConsentRequestRow, browser: BrowserSession | None) -> Response:
    """The request is decided; the customer who approved it gets a way to the receipt."""
    t = phrases_of(request)
    action = None
    if row.decision == "approved" and row.receipt_id is not None:
        receipt = await receipts.get_receipt(tx, row.receipt_id)
        if browser is not None and browser.customer_id == receipt.customer_id:
            token = site_of(request).vault.decrypt(receipt.token_encrypted)
            action = {"href": f"/receipts/{quote(token)}", "text": t("decided.receipt")}
    text = t("decided.approved") if row.decision == "approved" else t("decided.declined")
    return message(request, title=t("decided.title"), paragraphs=[text], action=action)


def client_markup(requester: Requester, phrases: Phrases, rel: str = "noopener") -> Markup:
    """The Client's name, linked when its site is verified (§9.2.1.2)."""
    if requester.uri is None:
        return _plain_client(requester)
    hint = phrases("common.new_tab")
    return Markup('<bdi class="client"><a href="{}" target="_blank" rel="{}">{}<span class="sr"> ({})</span></a></bdi>').format(
        requester.uri, rel, requester.name, hint
    )


def _plain_client(requester: Requester) -> Markup:
    return Markup('<bdi class="client">{}</bdi>').format(requester.name)


def _data_line(line: DataCategory) -> dict[str, object]:
    return {"summary": line.summary, "details": [(detail.label, detail.example) for detail in line.details]}


def _meters_shown(loaded: LoadedForm) -> dict[int, bool]:
    """Meters chosen by their services: each service shows the meters under it (§6.1.6)."""
    numbered = enumerate(loaded.sections, start=1)
    return {number: any(entry.scope_type == "cds_meters" for entry in section) for number, section in numbered}


def _terms_sentence(brand: Brand, phrases: Phrases) -> Markup | None:
    if brand.terms is None:
        return None
    link = Markup('<a href="{}" target="_blank" rel="noopener">{}<span class="sr"> ({})</span></a>')
    return sentence(phrases, "form.terms", terms=link.format(brand.terms, phrases("form.terms_name"), phrases("common.new_tab")))


def _errors(form: ConsentForm, phrases: Phrases, *, stale: bool) -> list[dict[str, str | None]]:
    errors: list[dict[str, str | None]] = [{"text": phrases("form.error_stale"), "target": None}] if stale else []
    for section in form.sections:
        if section.error:
            single = len(form.sections) == 1
            key = "form.error_nothing_selected_single" if single else "form.error_nothing_selected"
            errors.append({"text": phrases(key, number=section.number), "target": f"list-{section.number}"})
    faults = form.closing.faults if form.closing.checked else ()
    return errors + [{"text": phrases(f"form.error_{fault.partition('-')[0]}"), "target": fault} for fault in faults]


_TYPE_FIELDS = frozenset({"service_types", "servicepoint_types", "meter_types"})


def _asked(entry: EffectiveEntry, phrases: Phrases) -> list[str]:
    """The preselected resources in the customer's words, one line per field."""
    fields: Mapping[str, Any] = entry.details
    lines: list[str] = []
    for field in sorted(PRESELECTION_FIELDS):
        values = fields.get(field)
        if values:
            lines.append(phrases(f"preselection.{field}", values=_values(field, [str(value) for value in values], phrases)))
    return lines


def _values(field: str, values: list[str], phrases: Phrases) -> str:
    special = {"_all": phrases("preselection.everything"), "_include_future": phrases("preselection.future")}
    shown = values[:MAX_ASKED]
    if field in _TYPE_FIELDS:
        words = [type_words([value], phrases) or safe_line(value.replace("_", " ")) for value in shown]
    else:
        words = [special.get(value) or safe_line(value.replace("\n", ", "), 120) for value in shown]
    if len(values) > MAX_ASKED:
        words.append(phrases.count("preselection.more", len(values) - MAX_ASKED))
    return ", ".join(words)
