"""The receipt's page: without a login, with the customer's own details after one, and the way to stop (CDS-WG3-01 §9.4)."""

import hashlib
import hmac

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import PageRoute, phrases_of, render, see_other, sentence, site_of
from cds_auth.api.pages.parts import Browser, Context, PageSite, read_form
from cds_auth.api.pages.receipt_views import receipt_document, receipt_page
from cds_auth.application.receipt_pages import get_receipt_row, load_receipt, revoke
from cds_auth.domain.customer_errors import FormRefused, PageNotFound
from cds_auth.domain.receipt import ReceiptSnapshot
from cds_auth.persistence.receipts import find_terms

router = APIRouter(prefix="/receipts", route_class=PageRoute, include_in_schema=False)


@router.get("/{token}")
async def show_receipt(request: Request, token: str, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """The receipt. Customer Data is in it for its own customer only."""
    phrases = phrases_of(request)
    loaded = await load_receipt(tx, context, site.vault, token, phrases, now=now)
    return receipt_page(request, token, loaded, browser, phrases, said=request.query_params.get("said"))


@router.get("/{token}/pdf")
async def download(request: Request, token: str, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """The receipt to keep, with what its page shows to the same viewer."""
    phrases = phrases_of(request)
    loaded = await load_receipt(tx, context, site.vault, token, phrases, now=now)
    return await receipt_document(request, token, loaded, browser, phrases)


@router.get("/{token}/revoke")
async def confirm(request: Request, token: str, tx: Tx, now: Now, context: Context, site: PageSite) -> Response:
    """Ask once more: mail scanners open links, so a link alone must not end anything."""
    phrases = phrases_of(request)
    loaded = await load_receipt(tx, context, site.vault, token, phrases, now=now)
    if not loaded.live.can_stop:
        return see_other(f"/receipts/{token}?said=already")
    return render(
        request,
        "revoke.html",
        environment=loaded.row.environment,
        sentence=sentence(phrases, "revoke.text", client=loaded.live.client_name),
        action=f"/receipts/{token}/revoke",
        back=f"/receipts/{token}",
        csrf=_proof(request, token),
    )


@router.post("/{token}/revoke")
async def revoke_by_receipt(request: Request, token: str, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """Stop the access; whoever holds the receipt's address may (§9.4). Doing it twice changes nothing."""
    form = await read_form(request)
    if not hmac.compare_digest(form.get("csrf").encode(), _proof(request, token).encode()):
        raise FormRefused("The form was not made by this page.")
    row = await get_receipt_row(tx, token)
    own = browser is not None and browser.customer_id == row.customer_id
    customer_id = row.customer_id if own else None
    _, ended = await revoke(tx, context, row.grant_id, customer_id=customer_id, receipt_id=row.receipt_id, now=now)
    return see_other(f"/receipts/{token}?said={'stopped' if ended else 'already'}")


@router.get("/{token}/terms")
async def accepted_terms(request: Request, token: str, tx: Tx) -> Response:
    """The terms as they were when this receipt was made."""
    row = await get_receipt_row(tx, token)
    terms = ReceiptSnapshot.from_json(row.snapshot).terms
    kept = await find_terms(tx, terms.digest) if terms is not None else None
    if terms is None or kept is None:
        raise PageNotFound("No terms were accepted.")
    return render(request, "terms.html", environment=row.environment, title=terms.name, version=kept.version, text=kept.text)


def _proof(request: Request, token: str) -> str:
    """Shows that the confirm page was opened; no session is needed, since the address itself is the secret."""
    return hmac.new(site_of(request).vault.csrf_key, f"receipt\0{token}".encode(), hashlib.sha256).hexdigest()
