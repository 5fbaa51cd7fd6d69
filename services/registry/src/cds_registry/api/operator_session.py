"""The console's login: cookie session, forms bound to it, roles."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cds_common.html import check_csrf, csrf_token
from cds_common.problems import ProblemError
from cds_common.rate_limits import address_of
from cds_common.wire import cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Now, SettingsOf, Tx
from cds_registry.api.forms import FORM_NOT_OURS, browser_id, check_form, keep_browser, new_token, written
from cds_registry.api.pages import Pages, PagesOf
from cds_registry.api.rate_limits import Limits
from cds_registry.application.operators import Operator, Role, log_in, log_out, operator_of_session
from cds_registry.domain.errors import OperatorRefused

router = cds_router(prefix="/operator", include_in_schema=False, max_body_size=SMALL)

COOKIE = "cds_operator"


class LoginNeeded(Exception):
    """Nobody is logged in here; answered by a redirect to the login page."""


@dataclass(frozen=True, slots=True)
class Console:
    """A logged-in operator at a page."""

    operator: Operator
    cookie: str
    pages: Pages

    def render(self, template: str, *, here: str = "", **values: Any) -> HTMLResponse:
        """A page of the console."""
        token = csrf_token(self.pages.csrf_key, self.cookie)
        may_write = self.operator.role >= Role.reviewer
        return self.pages.render(template, operator=self.operator, csrf=token, here=here, may_write=may_write, **values)

    def check(self, form: FormData) -> None:
        """Refuse a form that did not come from a page of this session.

        Raises:
            ProblemError: 403.
        """
        token = form.get("csrf")
        if not check_csrf(self.pages.csrf_key, self.cookie, token if isinstance(token, str) else None):
            raise ProblemError(FORM_NOT_OURS, "Please load the page again and send the form once more")


async def _console(request: Request, pages: PagesOf, tx: Tx, now: Now) -> Console:
    cookie = request.cookies.get(pages.cookie(COOKIE), "")
    operator = await operator_of_session(tx, cookie, now)
    if operator is None:
        raise LoginNeeded
    return Console(operator, cookie, pages)


ConsoleOf = Annotated[Console, Depends(_console)]


async def to_login(_request: Request, _error: Exception) -> Response:
    """The answer to `LoginNeeded`."""
    return RedirectResponse("/operator/login", 303, {"Cache-Control": "no-store"})


@router.get("/login")
async def show_login(request: Request, pages: PagesOf) -> HTMLResponse:
    """The login page."""
    return _login_page(request, pages, None, 200)


@router.post("/login")
async def send_login(request: Request, pages: PagesOf, settings: SettingsOf, tx: Tx, now: Now) -> Response:
    """Log in; the session's name is new, whatever the browser brought."""
    form = await request.form(max_files=0, max_fields=10)
    check_form(request, pages, form.get("csrf"))
    name, password = written(form, "name", 100), written(form, "password", 1000)
    try:
        cookie = await log_in(tx, name, password, lifetime=settings.operator_session_lifetime, now=now)
    except OperatorRefused as refused:
        limits: Limits = request.state.limits
        limits.failures.wait_for(address_of(request))
        return _login_page(request, pages, refused.detail, 403)
    answer = RedirectResponse("/operator", 303, {"Cache-Control": "no-store"})
    answer.set_cookie(
        pages.cookie(COOKIE),
        cookie,
        path="/",
        secure=pages.secure,
        httponly=True,
        samesite="strict",
        max_age=int(settings.operator_session_lifetime.total_seconds()),
    )
    return answer


@router.post("/logout")
async def send_logout(request: Request, console: ConsoleOf, tx: Tx) -> Response:
    """Log out."""
    console.check(await request.form(max_files=0, max_fields=10))
    await log_out(tx, console.cookie)
    answer = RedirectResponse("/operator/login", 303)
    answer.delete_cookie(console.pages.cookie(COOKIE), path="/", secure=console.pages.secure, httponly=True, samesite="strict")
    return answer


def _login_page(request: Request, pages: Pages, fault: str | None, status: int) -> HTMLResponse:
    browser = browser_id(request, pages)
    answer = pages.render("operator/login.html", status=status, csrf=new_token(pages, browser), fault=fault, here="")
    keep_browser(answer, pages, browser)
    return answer
