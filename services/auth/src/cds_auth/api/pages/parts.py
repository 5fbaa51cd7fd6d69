"""Parameters that page handlers ask for: the browser's session and a posted form that really comes from our page."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import Site, site_of
from cds_auth.application.consent_start import ConsentContext
from cds_auth.application.customer_sessions import find_session
from cds_auth.domain.customer_errors import FormRefused
from cds_auth.domain.session import BrowserSession
from cds_common.html import check_csrf

MAX_FIELDS = 30_000
_FORM = "application/x-www-form-urlencoded"


async def _browser(request: Request, tx: Tx, now: Now) -> BrowserSession | None:
    site = site_of(request)
    return await find_session(tx, request.cookies.get(site.session_cookie), now=now, limits=site.limits)


Browser = Annotated[BrowserSession | None, Depends(_browser)]
"""The session of the cookie, None for a browser that we do not know."""


class Form:
    """A posted form; a field may occur several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._first: dict[str, str] = {}
        for name, value in pairs:
            self._first.setdefault(name, value)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        return self._first.get(name, default)

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for key, value in self.pairs if key == name]


async def read_form(request: Request) -> Form:
    """The form of the body.

    Raises:
        FormRefused: another content type, or more fields than any page of ours has.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise FormRefused("A page's form is expected.")
    body = await request.body()
    try:
        text = body.decode("ascii")
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace"))
    except ValueError as error:
        raise FormRefused("The form cannot be read.") from error


async def _own_form(request: Request, browser: Browser) -> Form:
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise FormRefused("The form was sent by another site.")
    form = await read_form(request)
    if browser is None or not check_csrf(site_of(request).vault.csrf_key, browser.session_id, form.get("csrf")):
        raise FormRefused("The form was not made for this browser.")
    return form


OwnForm = Annotated[Form, Depends(_own_form)]
"""A form with the anti-forgery value of this browser's session."""

own_form = Depends(_own_form)
"""The same for a route that needs nothing else of the form."""


def _site(request: Request) -> Site:
    return site_of(request)


def _context(request: Request) -> ConsentContext:
    return site_of(request).context(request)


PageSite = Annotated[Site, Depends(_site)]
Context = Annotated[ConsentContext, Depends(_context)]
