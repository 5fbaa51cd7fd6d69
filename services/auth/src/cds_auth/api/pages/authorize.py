"""The authorization endpoint and the end of requests whose redirect URI is our own (CDS-WG3-01 §9.1.1, §9.3.3)."""

from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import PageRoute, message, phrases_of, render, see_other, site_of, with_language, with_session
from cds_auth.api.pages.parts import MAX_FIELDS, Browser, Context, PageSite, read_form
from cds_auth.application.consent_start import ConsentContext, begin_request
from cds_auth.application.consent_words import terms_of
from cds_auth.application.customer_sessions import open_session
from cds_auth.application.receipt_pages import find_receipt_of_code
from cds_auth.domain.customer_errors import FormRefused, PageNotFound
from cds_auth.domain.session import BrowserSession

router = APIRouter(route_class=PageRoute, include_in_schema=False)

EXPLAINED = frozenset(
    {
        "invalid_scope", "invalid_authorization_details", "invalid_request", "unauthorized_client", "no_preselections",
        "cds_grant_id_invalid_value", "cds_grant_id_invalid_user", "server_error", "temporarily_unavailable",
    }
)  # fmt: skip


@router.get("/oauth/authorize")
async def authorize(request: Request, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """Check the request before anybody logs in, then go on to its page (RFC 6749 §4.1.1)."""
    return await _begin(request, tx, now, browser, context, _pairs(request.url.query))


@router.post("/oauth/authorize")
async def authorize_by_post(request: Request, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """The same by POST (RFC 6749 §3.1); parameters of the address count too, so that none can hide."""
    form = await read_form(request)
    return await _begin(request, tx, now, browser, context, [*_pairs(request.url.query), *form.pairs])


async def _begin(
    request: Request, tx: Tx, now: Now, browser: BrowserSession | None, context: ConsentContext, parameters: list[tuple[str, str]]
) -> Response:
    session = browser or await open_session(tx, now=now)
    txn = await begin_request(tx, context, session, parameters, now=now)
    response = with_session(see_other(f"/consent/{txn}"), request, session)
    wanted = next((value for name, value in parameters if name == "ui_locales"), "")
    language = wanted.split(" ")[0].split("-")[0].lower()
    return with_language(response, request, language) if language in site_of(request).languages else response


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise FormRefused("The address cannot be read.") from error


@router.get("/consent/terms")
async def present_terms(request: Request, context: Context) -> Response:
    """The terms that an approval accepts now."""
    t = phrases_of(request)
    terms = terms_of(context.brand, t)
    if terms is None:
        raise PageNotFound("This installation has no terms for customers.")
    return render(request, "terms.html", title=terms.name, version=terms.version, text=context.brand.terms_text)


@router.get("/consent/done/{client_id}")
async def done(request: Request, client_id: str, tx: Tx, now: Now, site: PageSite) -> Response:
    """The redirect URI that this server made for a Client: success leads to the receipt, a fault to its page."""
    code, error = request.query_params.get("code"), request.query_params.get("error")
    t = phrases_of(request)
    if code is not None:
        token = await find_receipt_of_code(tx, site.vault, code, client_id=client_id, now=now)
        return see_other(f"/receipts/{token}")
    if error is None:
        raise PageNotFound("Neither code nor error.")
    if error == "access_denied":
        return message(request, title=t("done.declined.title"), paragraphs=[t("done.declined.text")], mood="calm")
    # Our own words per code: error_description comes from the address, which anybody can write.
    why = t(f"done.error.{error}") if error in EXPLAINED else t("done.error.other")
    return message(request, title=t("done.error.title"), paragraphs=[why, t("done.error.contact")])
