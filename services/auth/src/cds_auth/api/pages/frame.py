"""What every page shares: language, template, security headers, cookie, and the page that stands for a fault."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import structlog
from babel import negotiate_locale
from fastapi.routing import APIRoute
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cds_auth.adapters.identity_provider import IdentityProvider
from cds_auth.application.brands import brand_of, closing_rules, usage_kinds
from cds_auth.application.consent_start import ConsentContext
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.authorization_redirect import authorization_redirect
from cds_auth.domain.customer_errors import FormRefused, PageExpired, PageNotFound
from cds_auth.domain.errors import AuthorizationRefused, GrantNotFound, InvalidAuthorizationRequest
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.session import BrowserSession, SessionLimits
from cds_auth.persistence.languages import load_languages
from cds_auth.settings import Settings
from cds_common.errors import DomainError, TransientError
from cds_common.html import csrf_token, origin_of, page_environment, page_headers
from cds_common.problems import holds_nul

log = structlog.get_logger(__name__)

LANGUAGE_COOKIE = "cds_language"
_YEAR = 365 * 86_400


class Site:
    """What pages are made of; one per process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.vault = PageSecrets(settings)
        self.languages = load_languages()
        self.templates = page_environment("cds_auth")
        self.limits = SessionLimits(settings.customer_session_idle, settings.customer_session_lifetime)
        self.provider = IdentityProvider(settings) if settings.oidc_issuer else None
        self._folder = settings.utility_file.parent
        self._context: ConsentContext | None = None

    @cached_property
    def secure(self) -> bool:
        """Whether the public address is https; plain http is for localhost only."""
        return self.settings.public_url.startswith("https://")

    @property
    def session_cookie(self) -> str:
        """`__Host-` binds the cookie to this very host, but browsers take it over https only."""
        return "__Host-cds_session" if self.secure else "cds_session"

    def context(self, request: Request) -> ConsentContext:
        """Rules, brand and Clients, made from what the application loaded."""
        if self._context is None:
            utility = request.state.utility
            self._context = ConsentContext(
                settings=self.settings,
                brand=brand_of(utility, self._folder),
                clients=request.state.clients,
                rules=request.state.rules,
                usage_kinds=usage_kinds(utility),
                closing=closing_rules(utility),
            )
        return self._context


def site_of(request: Request) -> Site:
    """The site that `mount` set up."""
    return cast("Site", request.app.state.pages)


def phrases_of(request: Request) -> Phrases:
    """The language that the person chose, else the browser's, else the installation's."""
    site = site_of(request)
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in site.languages:
        return site.languages[chosen]
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in request.headers.get("accept-language", "")[:200].split(",")]
    found = negotiate_locale(wanted, list(site.languages)) if any(wanted) else None
    return site.languages[found or site.settings.default_language]


def sentence(phrases: Phrases, key: str, **values: object) -> Markup:
    """A sentence with markup in some of its places; everything that is not Markup is escaped."""
    return Markup(escape(phrases.pattern(key))).format(**values)  # noqa: S704  # the pattern is escaped, format escapes the values


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    session: BrowserSession | None = None,
    leads_to: str | None = None,
    environment: str | None = None,
    phrases: Phrases | None = None,
    more_actions: Sequence[str] = (),
    **values: object,
) -> HTMLResponse:
    """A page. `leads_to` is the redirect URI to which a form on it may lead in the end (Chromium checks that too)."""
    site = site_of(request)
    words = phrases or phrases_of(request)
    shared: dict[str, object] = {
        "t": words,
        "brand": site.context(request).brand,
        "environment": environment,
        "csrf": csrf_token(site.vault.csrf_key, session.session_id) if session else "",
        "login_name": session.login_name if session else None,
        "languages": [(code, each("language.name")) for code, each in site.languages.items()],
    }
    headers = page_headers(site.settings, form_actions=[source for uri in (leads_to, *more_actions) for source in _form_actions(site, uri)])
    headers["Content-Language"] = words.language
    headers["X-Robots-Tag"] = "noindex, nofollow"
    headers["Vary"] = "Accept-Language, Cookie"
    return HTMLResponse(site.templates.get_template(template).render(**shared | values), status, headers)


def message(
    request: Request,
    *,
    title: str,
    paragraphs: list[str],
    status: int = 200,
    mood: str = "",
    action: Mapping[str, str] | None = None,
    code: str | None = None,
) -> HTMLResponse:
    """A page that says one thing."""
    return render(request, "message.html", status=status, title=title, paragraphs=paragraphs, mood=mood, action=action, code=code)


def with_session(response: Response, request: Request, session: BrowserSession) -> Response:
    """Set the session's cookie. Lax, not Strict: the Client's link must find the customer's session."""
    site = site_of(request)
    response.set_cookie(site.session_cookie, session.session_id, httponly=True, secure=site.secure, samesite="lax", path="/")
    return response


def with_language(response: Response, request: Request, language: str) -> Response:
    """Remember the chosen language."""
    site = site_of(request)
    if language in site.languages:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, httponly=True, secure=site.secure, samesite="lax", path="/")
    return response


def see_other(location: str) -> Response:
    """303: the browser follows with GET and never sends a form's content on."""
    return RedirectResponse(location, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


class PageFault(Exception):
    """Carries the answer that stands for a fault past the request's transaction, which rolls back on the way."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered by a page")
        self.response = response


async def answer_fault(_request: Request, fault: Exception) -> Response:
    """The exception handler of `PageFault`."""
    return cast("PageFault", fault).response


class PageRoute(APIRoute):
    """A route whose faults are pages or redirects, after its transaction has rolled back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route with faults turned into answers."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException:
                raise
            except (DomainError, TransientError) as error:
                raise PageFault(_fault(request, error)) from error
            except Exception as error:
                if holds_nul(error):
                    raise PageFault(_fault(request, InvalidAuthorizationRequest("NUL is not allowed"))) from error
                log.exception("page_failed", path=self.path)
                raise PageFault(_busy(request, 500)) from error

        return answer


def _fault(request: Request, error: DomainError | TransientError) -> Response:
    t = phrases_of(request)
    if isinstance(error, AuthorizationRefused):
        said = {"error": error.error, "error_description": error.description}
        return see_other(authorization_redirect(error, site_of(request).settings.public_url, said))
    if isinstance(error, InvalidAuthorizationRequest):
        paragraphs = [t("invalid.text"), t("invalid.contact")]
        return message(request, title=t("invalid.title"), paragraphs=paragraphs, status=400, code=error.detail)
    if isinstance(error, PageNotFound | GrantNotFound):
        return message(request, title=t("not_found.title"), paragraphs=[t("not_found.text")], status=404)
    if isinstance(error, PageExpired):
        return message(request, title=t("expired.title"), paragraphs=[t("expired.text")], status=410)
    if isinstance(error, FormRefused):
        return message(request, title=t("refused.title"), paragraphs=[t("refused.text")], status=403)
    if isinstance(error, TransientError):
        return _busy(request, 503)
    log.warning("page_refused", error_type=type(error).__name__)
    return message(request, title=t("refused.title"), paragraphs=[t("refused.text")], status=409)


def _busy(request: Request, status: int) -> Response:
    t = phrases_of(request)
    return message(request, title=t("busy.title"), paragraphs=[t("busy.text")], status=status)


def _form_actions(site: Site, leads_to: str | None) -> list[str]:
    if leads_to is None:
        return []
    try:
        source = origin_of(leads_to)
    except ValueError:
        return []
    return [] if source == site.settings.public_url else [source]
