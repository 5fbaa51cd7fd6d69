"""What a receipt's page shows, then and now, and to whom."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.pages.frame import render, sentence, site_of
from cds_auth.application.consent_words import terms_of
from cds_auth.application.customer_authorizations import details_of_scopes
from cds_auth.application.receipt_pages import LoadedReceipt
from cds_auth.domain.brand import Brand
from cds_auth.domain.consent_form import Requester
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.plain_text import mixes_alphabets
from cds_auth.domain.receipt import ReceiptSection, counted, grouped
from cds_auth.domain.session import BrowserSession
from cds_common.html import page_headers
from cds_common.ids import Environment


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is different now, beside what was approved."""

    title: str
    lines: tuple[str, ...]


def receipt_page(
    request: Request, token: str, loaded: LoadedReceipt, browser: BrowserSession | None, phrases: Phrases, *, said: str | None
) -> Response:
    """The page of a loaded receipt."""
    viewer = _viewer(loaded, browser)
    return render(
        request,
        "receipt.html",
        session=browser if viewer else None,
        environment=loaded.row.environment,
        status_sentence=_status_sentence(loaded, phrases),
        newer=f"/receipts/{loaded.newer_token}" if loaded.newer_token else None,
        notice=_notice(said, loaded, phrases),
        stop_link=f"/receipts/{token}/revoke" if loaded.live.can_stop else None,
        pdf_link=f"/receipts/{token}/pdf",
        login_link=f"/login?to=/receipts/{token}",
        other_customer=viewer is not None and viewer != loaded.row.customer_id,
        **_values(request, token, loaded, phrases, own=viewer == loaded.row.customer_id),
    )


async def receipt_document(
    request: Request, token: str, loaded: LoadedReceipt, browser: BrowserSession | None, phrases: Phrases
) -> Response:
    """The same as a PDF; made in a thread, since it takes a tenth of a second of computing."""
    own = _viewer(loaded, browser) == loaded.row.customer_id
    site = site_of(request)
    values = _values(request, token, loaded, phrases, own=own)
    my_address = f"{site.settings.public_url}/my"
    brand = site.context(request).brand
    document = await asyncio.to_thread(_pdf, values, brand, phrases, created=loaded.row.created, my_address=my_address)
    headers = page_headers(site.settings) | {
        "Content-Disposition": f'attachment; filename="receipt-{loaded.row.confirmation}.pdf"',
        "X-Robots-Tag": "noindex, nofollow",
    }
    return Response(document, media_type="application/pdf", headers=headers)


def _pdf(values: Mapping[str, Any], brand: Brand, phrases: Phrases, *, created: datetime, my_address: str) -> bytes:
    # Imported by the first document: the PDF writer with its font tools takes 40 MiB and a fifth of the time to start, and few ask for one.
    from cds_auth.api.pages.receipt_pdf import receipt_pdf  # noqa: PLC0415

    return receipt_pdf(values, brand, phrases, created=created, my_address=my_address)


def _viewer(loaded: LoadedReceipt, browser: BrowserSession | None) -> UUID | None:
    environment: Environment = "sandbox" if loaded.row.environment == "sandbox" else "production"
    return browser.speaks_for(environment) if browser else None


def _values(request: Request, token: str, loaded: LoadedReceipt, phrases: Phrases, *, own: bool) -> dict[str, Any]:
    """What page and document have in common; Customer Data only for its `own` customer."""
    row, snapshot, live = loaded.row, loaded.snapshot, loaded.live
    context = site_of(request).context(request)
    return {
        "then": Requester(snapshot.client_name, snapshot.client_uri, mixes_alphabets(snapshot.client_name)),
        "now_name": live.client_name if live.client_name != snapshot.client_name else None,
        "now_uri": live.client_uri if live.client_uri != snapshot.client_uri else None,
        "snapshot_brand": snapshot.brand,
        "then_language": snapshot.language,
        "confirmation": grouped(row.confirmation),
        "date": phrases.time(row.created, context.rules.tz),
        "live": live,
        "sections": [_section(section, loaded, phrases, own=own) for section in snapshot.sections],
        "changes": _changes(loaded, phrases, own=own),
        "disclosures": snapshot.disclosures,
        "typed_name": snapshot.typed_name if own else None,
        "terms": _terms(token, loaded, phrases, context.brand),
    }


def _status_sentence(loaded: LoadedReceipt, phrases: Phrases) -> str:
    return phrases("status.active.text", client=loaded.live.client_name) if loaded.live.status.value == "active" else ""


def _notice(said: str | None, loaded: LoadedReceipt, phrases: Phrases) -> object:
    """Only what the state confirms: the address of the page could be written by anybody."""
    if loaded.live.can_stop or said not in {"stopped", "already"}:
        return None
    if said == "stopped" and loaded.live.status.value == "revoked":
        return sentence(phrases, "revoke.done", client=loaded.live.client_name)
    return phrases("revoke.already")


def _section(section: ReceiptSection, loaded: LoadedReceipt, phrases: Phrases, *, own: bool) -> dict[str, object]:
    return {
        "data": section.data,
        "durations": section.durations,
        "kind": section.kind,
        "fixed": section.fixed,
        "entries": section.entries if own else None,
        "all_selected": section.all_selected,
        "count": counted(section, phrases),
        "future": phrases(f"receipt.future.{section.kind}") if section.include_future else None,
        "purpose": section.purpose,
        "written_by": phrases("form.purpose_by_client", client=loaded.snapshot.client_name),
    }


def _changes(loaded: LoadedReceipt, phrases: Phrases, *, own: bool) -> list[Change]:
    """What differs from the approval; a Grant that has ended says so by its status."""
    live, snapshot = loaded.live, loaded.snapshot
    if loaded.grant.is_ended or loaded.newer_token is not None:
        return []
    changes: list[Change] = []
    if snapshot.details != details_of_scopes(loaded.grant):
        changes.append(Change(phrases("receipt.what_now"), live.data or (phrases("receipt.nothing_now"),)))
        changes.append(Change(phrases("receipt.how_long_now"), live.durations))
    changed = _selection_change(loaded, phrases, own=own)
    return [*changes, changed] if changed else changes


def _selection_change(loaded: LoadedReceipt, phrases: Phrases, *, own: bool) -> Change | None:
    sections = [section for section in loaded.snapshot.sections if not section.fixed]
    entries = {entry.id: entry for section in sections for entry in section.entries}
    selected = {str(object_id) for object_id in loaded.live.selected}
    if not sections or selected == set(entries):
        return None
    kind = sections[0].kind
    lines = [phrases.count(f"receipt.count.{kind}", len(selected))]
    if own:
        lines += [entries[object_id].number or phrases("select.no_number") for object_id in sorted(selected) if object_id in entries]
    return Change(phrases("receipt.selection_now"), tuple(lines))


def _terms(token: str, loaded: LoadedReceipt, phrases: Phrases, brand: Brand) -> dict[str, str | None] | None:
    terms = loaded.snapshot.terms
    if terms is None:
        return None
    present = terms_of(brand, phrases)
    changed = present is not None and present.digest != terms.digest
    return {
        "link": f"/receipts/{token}/terms",
        "text": phrases("receipt.terms_version", terms=terms.name, version=terms.version),
        "newer": phrases("receipt.terms_now", version=brand.terms_version) if changed else None,
        "newer_link": brand.terms,
    }
