"""Log in at the utility's identity provider (CDS-WG3-01 §9.1.2)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import PageRoute, message, phrases_of, see_other, site_of, with_session
from cds_auth.api.pages.login import CONSENT, not_completed, target_of
from cds_auth.api.pages.parts import Browser, Context, OwnForm, PageSite
from cds_auth.application.customer_sessions import log_in_session
from cds_auth.application.customer_sso import begin_sso, end_sso
from cds_auth.domain.customer_errors import FormRefused, PageNotFound

router = APIRouter(prefix="/login", route_class=PageRoute, include_in_schema=False)


@router.post("/sso")
async def begin(form: OwnForm, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """Send the browser to the provider; the request that it came for waits here."""
    if browser is None or site.provider is None:
        raise PageNotFound("No identity provider.")
    target = await target_of(tx, context, browser, form.get("to", "/my"), "production", now)
    if target.environment != "production":
        raise FormRefused("Test customers have no account at the provider.")
    fresh = target.row is not None and target.row.login_after is not None
    return see_other(await begin_sso(tx, site.provider, site.vault, browser, to=target.to, fresh=fresh, now=now))


@router.get("/callback")
async def come_back(request: Request, tx: Tx, now: Now, browser: Browser, context: Context, site: PageSite) -> Response:
    """The provider sent the browser back, with a code or with a fault."""
    if browser is None or site.provider is None:
        raise PageNotFound("No identity provider.")
    query = request.query_params
    sent = {name: query.get(name) for name in ("code", "iss")}
    state = query.get("state", "")
    result = await end_sso(tx, site.provider, site.vault, browser, state=state, code=sent["code"], issuer=sent["iss"], now=now)
    if result is None:  # answered, not raised: what the browser brought is used up, and must stay so
        t = phrases_of(request)
        return message(request, title=t("refused.title"), paragraphs=[t("refused.text")], status=403)
    if result.customer_id is not None:
        fresh = await log_in_session(
            tx, browser, environment="production", customer_id=result.customer_id, login_name=result.login_name, now=now
        )
        return with_session(see_other(result.to), request, fresh)
    if CONSENT.fullmatch(result.to):
        return await not_completed(tx, context, site_of(request).vault, browser, result.to, now)
    t = phrases_of(request)
    again = {"href": f"/login?to={result.to}", "text": t("login.title")}
    return message(request, title=t("login.failed_title"), paragraphs=[t("login.failed")], status=403, action=again)
