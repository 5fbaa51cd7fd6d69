"""The authorization form: one page, one decision (CDS-WG3-01 §9.2)."""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.consent_posts import read_changes, read_ticks
from cds_auth.api.pages.consent_views import decided_page, form_page, preselection_page
from cds_auth.api.pages.frame import PageRoute, phrases_of, see_other, site_of, with_language, with_session
from cds_auth.api.pages.parts import Browser, Context, OwnForm, PageSite, own_form
from cds_auth.application.consent_decision import NO_PRESELECTIONS, Decided, approve, decline, repeated, ticked
from cds_auth.application.consent_form import LoadedForm, get_request, keep_alive, load_form
from cds_auth.application.consent_start import ConsentContext
from cds_auth.application.customer_sessions import log_out_session
from cds_auth.domain.customer_errors import FormRefused
from cds_auth.domain.errors import AuthorizationRefused
from cds_auth.domain.session import BrowserSession
from cds_auth.persistence.customer_tables import ConsentRequestRow

router = APIRouter(prefix="/consent", route_class=PageRoute, include_in_schema=False)


@router.get("/{txn}")
async def show(request: Request, txn: str, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """The form, the login before it, or the page that stands in its place. Opening it decides nothing."""
    row = await get_request(tx, browser, txn, now=now)
    if browser is None or row.decision is not None:
        return await decided_page(request, tx, row, browser)
    customer_id = _customer(browser, row)
    if customer_id is None:
        return see_other(f"/login?to=/consent/{txn}")
    loaded = await load_form(tx, context, row, customer_id, phrases_of(request), now=now)
    return _page(request, txn, browser, loaded)


@router.post("/{txn}/update")
async def update(request: Request, txn: str, form: OwnForm, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """The form again with other ticks, changes, search or language."""
    row = await get_request(tx, browser, txn, now=now)
    if browser is None or row.decision is not None:
        return await decided_page(request, tx, row, browser)
    customer_id = _customer(browser, row)
    if customer_id is None:
        return see_other(f"/login?to=/consent/{txn}")
    verb, _, argument = form.get("do").partition(":")
    phrases = site_of(request).languages.get(argument, phrases_of(request)) if verb == "language" else phrases_of(request)
    number = int(argument) if argument.isdecimal() and len(argument) < 4 else None
    posted = read_changes(form, _most_sections(row), verb=verb, number=number)
    loaded = await load_form(tx, context, row, customer_id, phrases, now=now, posted=posted)
    ticks = read_ticks(form, len(loaded.form.sections))
    if verb in {"all", "none"} and number in ticks:
        listed = loaded.form.sections[number - 1].selection
        ids = frozenset(entry.id for entry in listed.entries) if verb == "all" else frozenset[UUID]()
        ticks[number] = replace(ticks[number], ids=ids)
    shown, stale = ticked(loaded.form, ticks)
    response = form_page(request, txn, browser, loaded, shown, phrases=phrases, stale=stale)
    return with_language(response, request, argument) if verb == "language" else response


@router.post("/{txn}/approve")
async def approve_request(
    request: Request, txn: str, form: OwnForm, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite
) -> Response:
    """Authorize with these ticks, once; a second press gets the first one's redirect."""
    row = await get_request(tx, browser, txn, now=now, lock=True)
    if browser is None or row.decision is not None:
        return await _already(request, tx, row, browser, now)
    customer_id = _customer(browser, row)
    if customer_id is None:
        return see_other(f"/login?to=/consent/{txn}")
    phrases = phrases_of(request)
    most = _most_sections(row)
    result = await approve(tx, context, site.vault, row, customer_id, read_ticks(form, most), read_changes(form, most), phrases, now=now)
    if isinstance(result, Decided):
        return see_other(result.location)
    if result.loaded.nothing_preselected:
        return _page(request, txn, browser, result.loaded)
    return form_page(request, txn, browser, result.loaded, result.form, phrases=phrases, stale=result.stale, status=422)


@router.post("/{txn}/decline", dependencies=[own_form])
async def decline_request(request: Request, txn: str, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """Decline, whatever is ticked or missing."""
    row = await get_request(tx, browser, txn, now=now, lock=True)
    if browser is None or row.decision is not None:
        return await _already(request, tx, row, browser, now)
    customer_id = _customer(browser, row)
    error = await _decline_error(request, tx, context, row, customer_id, now)
    decided = await decline(tx, context, site.vault, row, customer_id=customer_id, error=error, kind=_kind(error), now=now)
    return see_other(decided.location)


@router.post("/{txn}/reauthenticate", dependencies=[own_form])
async def reauthenticate(request: Request, txn: str, tx: Tx, now: Now, browser: Browser) -> Response:
    """Log in as someone else, then see the same request again (§9.2.1.7)."""
    row = await get_request(tx, browser, txn, now=now, lock=True)
    if browser is None or row.decision is not None:
        return await decided_page(request, tx, row, browser)
    row.login_after = now
    await tx.flush()
    fresh = await log_out_session(tx, browser, now=now)
    return with_session(see_other(f"/login?to=/consent/{txn}"), request, fresh)


@router.post("/{txn}/stay")
async def stay(request: Request, txn: str, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """The customer is active on the form: session and request live on. The header keeps other sites' forms out."""
    if request.headers.get("x-requested-with") != "pages":
        raise FormRefused("Only the page itself may call this.")
    row = await get_request(tx, browser, txn, now=now)
    keep_alive(row, now + context.settings.consent_request_lifetime)
    await tx.flush()
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def _customer(browser: BrowserSession, row: ConsentRequestRow) -> UUID | None:
    return browser.speaks_for("sandbox" if row.environment == "sandbox" else "production", after=row.login_after)


def _page(request: Request, txn: str, browser: BrowserSession, loaded: LoadedForm) -> Response:
    if loaded.nothing_preselected:
        return preselection_page(request, txn, browser, loaded)
    return form_page(request, txn, browser, loaded, loaded.form, phrases=phrases_of(request))


async def _already(request: Request, tx: Tx, row: ConsentRequestRow, browser: BrowserSession | None, now: Now) -> Response:
    again = repeated(row, site_of(request).vault, now=now)
    return see_other(again.location) if again is not None else await decided_page(request, tx, row, browser)


async def _decline_error(
    request: Request, tx: Tx, context: ConsentContext, row: ConsentRequestRow, customer_id: UUID | None, now: Now
) -> str:
    """`no_preselections` on the Preselection Error page, `access_denied` on the form and before the login."""
    if customer_id is None:
        return "access_denied"
    try:
        loaded = await load_form(tx, context, row, customer_id, phrases_of(request), now=now)
    except AuthorizationRefused:
        # It does not fit this customer any more, who has just declined it anyway.
        return "access_denied"
    return NO_PRESELECTIONS if loaded.nothing_preselected else "access_denied"


def _kind(error: str) -> str:
    return error if error == NO_PRESELECTIONS else "declined"


def _most_sections(row: ConsentRequestRow) -> int:
    """Merged scopes share a section, so there are no more sections than scopes."""
    return len(row.request["entries"])
