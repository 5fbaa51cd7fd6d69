"""Refusals as pages, where a person's browser asked for a page; everything else gets the problem document."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cds_common import exact_json
from cds_common.errors import DomainError, TransientError
from cds_common.problems import ProblemError
from cds_registry.api.pages import Pages

_FOR_PROGRAMS = ("/cds/", "/oauth/", "/.well-known/", "/operator/api/", "/internal/", "/health/", "/static/")

Handler = Callable[[Request, Exception], Awaitable[Response]]


def install_error_pages(app: FastAPI) -> None:
    """Wrap the handlers that are there; to be called after them."""
    for kind in (DomainError, ProblemError, HTTPException, RequestValidationError, TransientError):
        app.add_exception_handler(kind, _as_page(cast("Handler", app.exception_handlers[kind])))


def _as_page(inner: Handler) -> Handler:
    async def shown(request: Request, error: Exception) -> Response:
        answer = await inner(request, error)
        if request.url.path.startswith(_FOR_PROGRAMS) or "text/html" not in request.headers.get("accept", ""):
            return answer
        pages: Pages = request.state.pages
        problem: dict[str, Any] = exact_json.decode(bytes(answer.body))
        page = pages.render("refused.html", status=answer.status_code, problem=problem, console=request.url.path.startswith("/operator"))
        if wait := answer.headers.get("retry-after"):
            page.headers["Retry-After"] = wait
        return page

    return shown
