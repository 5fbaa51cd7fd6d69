"""Log in and out; the way back is one of our own pages, never an address that somebody sends along (CDS-WG3-01 §9.1.2)."""

import re
from dataclasses import dataclass
from typing import cast

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import PageRoute, phrases_of, render, see_other, sentence, site_of, with_session
from cds_auth.api.pages.parts import Browser, Context, OwnForm, PageSite, own_form
from cds_auth.application.consent_decision import decline
from cds_auth.application.consent_form import get_request
from cds_auth.application.consent_start import ConsentContext, request_of
from cds_auth.application.customer_logins import Attempt, Outcome, log_in
from cds_auth.application.customer_sessions import hash_of, log_in_session, log_out_session, open_session
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.consent_form import requester
from cds_auth.domain.customer import FAILURE_WINDOW, MAX_FAILURES_OF_REQUEST
from cds_auth.domain.customer_errors import FormRefused
from cds_auth.domain.session import BrowserSession
from cds_auth.persistence import receipts
from cds_auth.persistence.customer_tables import ConsentRequestRow
from cds_common.events.clients import ClientPublishedV1
from cds_common.ids import Environment

router = APIRouter(route_class=PageRoute, include_in_schema=False)

CONSENT = re.compile(r"/consent/([A-Za-z0-9_-]{20,64})")
_RECEIPT = re.compile(r"/receipts/([A-Za-z0-9_-]{20,64})")
_MY = re.compile(r"/my(/authorizations/[A-Za-z0-9_-]{1,100}|/clients|/connect/[A-Za-z0-9_-]{10,64})?")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the browser goes after the login, and who may log in for it."""

    to: str
    environment: Environment
    request: AuthorizationRequest | None = None
    row: ConsentRequestRow | None = None
    client: ClientPublishedV1 | None = None


@router.get("/login")
async def show_login(request: Request, tx: Tx, now: Now, browser: Browser, context: Context) -> Response:
    """The login page."""
    session = browser or await open_session(tx, now=now)
    wanted = request.query_params.get("environment", "")
    target = await target_of(tx, context, session, request.query_params.get("to", "/my"), wanted, now)
    if target.row is None and session.speaks_for(target.environment) is not None:
        return see_other(target.to)
    return with_session(_page(request, session, target), request, session)


@router.post("/login")
async def submit_login(request: Request, form: OwnForm, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """Check name and password; the environment of the Client decides which customers there are."""
    session = browser or await open_session(tx, now=now)
    target = await target_of(tx, context, session, form.get("to", "/my"), form.get("environment"), now)
    if site.provider is not None and target.environment == "production":
        raise FormRefused("Customers log in at the identity provider.")
    attempt = await log_in(
        tx,
        environment=target.environment,
        login_name=form.get("name")[:200],
        password=form.get("password"),
        address=request.client.host if request.client else "",
        pepper=site.vault.pepper,
        now=now,
    )
    if attempt.customer_id is None:
        return await _failed(request, tx, context, session, target, attempt, form.get("name")[:200], now)
    fresh = await log_in_session(
        tx, session, environment=target.environment, customer_id=attempt.customer_id, login_name=attempt.login_name, now=now
    )
    return with_session(see_other(target.to), request, fresh)


@router.post("/login/cancel")
async def cancel_login(form: OwnForm, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """Not completed: the same as declining (§9.1.2)."""
    to = form.get("to")
    if CONSENT.fullmatch(to) is None:
        return see_other(to if _RECEIPT.fullmatch(to) else "/my")
    return await not_completed(tx, context, site.vault, browser, to, now)


async def not_completed(
    tx: AsyncSession, context: ConsentContext, vault: PageSecrets, browser: BrowserSession | None, to: str, now: Now
) -> Response:
    """The login for a request was cancelled or failed: the Client hears `access_denied`."""
    found = CONSENT.fullmatch(to)
    row = await get_request(tx, browser, found[1] if found else "", now=now, lock=True)
    if row.decision is not None:
        return see_other(to)
    decided = await decline(tx, context, vault, row, customer_id=None, kind="login_cancelled", now=now)
    return see_other(decided.location)


@router.post("/logout", dependencies=[own_form])
async def log_out(request: Request, tx: Tx, now: Now, browser: Browser) -> Response:
    """End the session at once; what was open in old tabs can no longer be submitted as this customer."""
    response = see_other("/login")
    if browser is None:
        return response
    return with_session(response, request, await log_out_session(tx, browser, now=now))


async def _failed(
    request: Request,
    tx: AsyncSession,
    context: ConsentContext,
    session: BrowserSession,
    target: Target,
    attempt: Attempt,
    name: str,
    now: Now,
) -> Response:
    t = phrases_of(request)
    if target.row is not None:
        target.row.login_failures += 1
        await tx.flush()
        if target.row.login_failures >= MAX_FAILURES_OF_REQUEST:
            vault = site_of(request).vault
            decided = await decline(tx, context, vault, target.row, customer_id=None, kind="login_failed", now=now)
            return see_other(decided.location)
    if attempt.outcome is Outcome.TOO_MANY:
        minutes = int(FAILURE_WINDOW.total_seconds()) // 60
        return _page(request, session, target, fault=t("login.too_many", minutes=minutes), name=name, status=429)
    return _page(request, session, target, fault=t("login.wrong"), name=name, status=422)


async def target_of(tx: AsyncSession, context: ConsentContext, session: BrowserSession, to: str, wanted: str, now: Now) -> Target:
    """What `to` leads to; anything but our own pages becomes the list of authorizations.

    Raises:
        PageNotFound: a request of another browser.
    """
    if (found := CONSENT.fullmatch(to)) is not None:
        row = await get_request(tx, session, found[1], now=now, lock=True)
        request = request_of(row)
        client = await context.clients.find(tx, request.client_id)
        return Target(to, request.environment, request, row if row.decision is None else None, client)
    if (found := _RECEIPT.fullmatch(to)) is not None:
        receipt = await receipts.find_receipt(tx, hash_of(found[1]))
        if receipt is not None:
            return Target(to, cast("Environment", receipt.environment))
        to = "/my"
    return Target(to if _MY.fullmatch(to) else "/my", "sandbox" if wanted == "sandbox" else "production")


def _page(
    request: Request, session: BrowserSession, target: Target, *, fault: str | None = None, name: str = "", status: int = 200
) -> Response:
    t = phrases_of(request)
    if target.client is not None:
        reason = sentence(t, "login.for_client", client=requester(target.client).name)
    else:
        reason = sentence(t, "login.for_receipt" if target.to.startswith("/receipts/") else "login.for_my")
    site = site_of(request)
    sso = site.settings.oidc_name if site.provider is not None and target.environment == "production" else None
    return render(
        request,
        "login.html",
        status=status,
        session=session,
        leads_to=target.request.redirect_uri if target.request else None,
        more_actions=[site.settings.oidc_issuer] if sso and site.settings.oidc_issuer else [],
        environment=target.environment,
        reason=reason,
        fault=fault,
        name=name or session.login_name or "",
        to=target.to,
        sso=sso,
        can_cancel=target.request is not None,
        other_environment=_other_environment(target, request),
    )


def _other_environment(target: Target, request: Request) -> dict[str, str] | None:
    """On the way to the list of authorizations either kind of login will do."""
    t = phrases_of(request)
    if not target.to.startswith("/my"):
        return None
    if target.environment == "production":
        return {"href": f"/login?to={target.to}&environment=sandbox", "text": t("login.sandbox_link")}
    return {"href": f"/login?to={target.to}", "text": t("login.production_link")}
