"""Forms of our pages: a cookie that names the browser, and a token that only our own page could have put into the form."""

import secrets

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from cds_common.html import check_csrf, csrf_token
from cds_common.problems import ProblemError, ProblemType
from cds_registry.api.pages import Pages

FORM_NOT_OURS = ProblemType(403, "form-not-ours", "The form did not come from our page", "access_denied")
_COOKIE = "cds_registry_form"


def written(form: FormData, name: str, limit: int = 20_000) -> str:
    """What was typed into an input; without NUL, which the database cannot hold."""
    return str(form.get(name) or "").replace("\x00", "")[:limit]


def browser_id(request: Request, pages: Pages) -> str:
    """The browser's random name, from its cookie or a new one."""
    held = request.cookies.get(pages.cookie(_COOKIE), "")
    return held if 20 <= len(held) <= 100 else secrets.token_urlsafe(24)


def keep_browser(response: Response, pages: Pages, browser: str) -> None:
    """Give the browser its name for the session."""
    response.set_cookie(pages.cookie(_COOKIE), browser, path="/", secure=pages.secure, httponly=True, samesite="strict")


def new_token(pages: Pages, browser: str) -> str:
    """A token for a form of this browser."""
    return csrf_token(pages.csrf_key, browser)


def check_form(request: Request, pages: Pages, token: object) -> None:
    """Refuse a form that another site sent.

    Raises:
        ProblemError: 403, the token does not fit the cookie.
    """
    held = request.cookies.get(pages.cookie(_COOKIE), "")
    if not held or not check_csrf(pages.csrf_key, held, token if isinstance(token, str) else None):
        raise ProblemError(FORM_NOT_OURS, "Please load the page again and send the form once more")
