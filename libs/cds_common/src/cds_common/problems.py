"""Error answers of every API: RFC 9457 problem documents, made in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy import exc as sql
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from cds_common import exact_json
from cds_common.errors import DomainError, FieldFault, TransientError
from cds_common.faults import DATABASE_FAULTS, is_transient

__all__ = [
    "DomainError",
    "FieldFault",
    "Problem",
    "ProblemError",
    "ProblemType",
    "install_problem_handlers",
    "problem_response",
    "problems",
]

log = structlog.get_logger(__name__)

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TITLES = {
    400: ("bad-request", "The request is not valid", "invalid_request"),
    401: ("unauthorized", "Authentication is required", "invalid_token"),
    403: ("forbidden", "Access is not allowed", "insufficient_scope"),
    404: ("not-found", "Not found", "not_found"),
    405: ("method-not-allowed", "The method is not allowed here", "invalid_request"),
    406: ("not-acceptable", "No acceptable form of the answer exists", "invalid_request"),
    409: ("conflict", "The request conflicts with the present state", "invalid_request"),
    413: ("content-too-large", "The request body is too large", "invalid_request"),
    415: ("unsupported-media-type", "The media type of the body is not supported", "invalid_request"),
    422: ("bad-request", "The request is not valid", "invalid_request"),
    429: ("too-many-requests", "Too many requests", "temporarily_unavailable"),
    500: ("internal-error", "The server failed", "server_error"),
    503: ("unavailable", "The server cannot answer right now", "temporarily_unavailable"),
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of refusal: status, the last part of its `type` address, title and the code for OAuth-minded clients."""

    status: int
    slug: str
    title: str
    error: str = "invalid_request"
    headers: tuple[tuple[str, str], ...] = ()


class Fault(BaseModel):
    """One refused value (RFC 9457 §3, example `errors`)."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem document; `error` and `error_description` say the same in the words of OAuth."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    errors: list[Fault] | None = None
    error: str
    error_description: str = Field(description="ASCII, without quotes and backslashes (RFC 6749 §5.2)")


class ProblemError(Exception):
    """Raise it at the edge (`api/`) where no domain rule is involved; rules raise a `DomainError`."""

    def __init__(
        self, kind: ProblemType, detail: str, *, faults: tuple[FieldFault, ...] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.faults, self.headers = kind, detail, faults, dict(headers or {})


def generic(status: int) -> ProblemType:
    """The problem type of a bare HTTP status."""
    slug, title, error = _TITLES.get(status, _TITLES[400 if status < 500 else 500])
    return ProblemType(status, slug, title, error)


def plain_text(text: str) -> str:
    """Make text fit `error_description`: printable ASCII without double quote and backslash (RFC 6749 §5.2)."""
    return re.sub(r"[^\x20\x21\x23-\x5b\x5d-\x7e]", "'", text)[:500]


def problem_response(
    request: Request, kind: ProblemType, detail: str, *, faults: tuple[FieldFault, ...] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The problem document as an answer. `detail` is for the caller."""
    public_url = getattr(request.app.state, "public_url", "")
    body: dict[str, Any] = {
        "type": f"{public_url}/docs/problems/{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.title,
        "instance": request.url.path,
    }
    if faults:
        body["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults[:100]]
    body |= {"error": kind.error, "error_description": plain_text(detail or kind.title)}
    answer_headers = {"Cache-Control": "no-store", **dict(kind.headers), **(headers or {})}
    return Response(exact_json.encode(body), kind.status, answer_headers, media_type="application/problem+json")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: the problem documents it may answer with."""
    return {
        status: {"description": generic(status).title, "content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
        for status in statuses
    }


def _allowed_methods(request: Request) -> list[str]:
    """All methods of an address (RFC 9110 §15.5.6); the router itself names those of the first route at it only."""

    def served(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)

    # HEAD stands wherever GET does (`HeadAsGet`).
    return [each for method in _METHODS if served(method) for each in ((method, "HEAD") if method == "GET" else (method,))]


def install_problem_handlers(app: FastAPI, *, public_url: str, table: Mapping[type[DomainError], ProblemType]) -> None:
    """Give `app` the one table from refusal to answer, and answers for everything that has no place in it."""
    app.state.public_url = public_url

    async def domain(request: Request, error: Exception) -> Response:
        assert isinstance(error, DomainError)  # noqa: S101  # registered for this class only
        kind = next((table[cls] for cls in type(error).__mro__ if cls in table), None)
        if kind is None:
            log.error("refusal_without_answer", error_type=type(error).__name__, exc_info=error)
            return problem_response(request, generic(500), "")
        return problem_response(request, kind, error.detail, faults=error.faults)

    async def raised(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101
        return problem_response(request, error.kind, error.detail, faults=error.faults, headers=error.headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        faults = tuple(FieldFault(_pointer(fault["loc"]), str(fault["msg"])) for fault in error.errors()[:100])
        return problem_response(
            request, generic(400), "; ".join(f"{f.pointer}: {f.detail}" if f.pointer else f.detail for f in faults[:3]), faults=faults
        )

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        status = 400 if error.status_code == 422 else error.status_code
        headers = {"Allow": ", ".join(_allowed_methods(request))} if status == 405 else error.headers
        return problem_response(request, generic(status), "" if status in {404, 405} else str(error.detail), headers=headers)

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("unexpected_error", error_type=type(error).__name__, exc_info=error)
        return problem_response(request, generic(500), "")

    app.add_exception_handler(DomainError, domain)
    app.add_exception_handler(ProblemError, raised)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    for away in (TransientError, *DATABASE_FAULTS):
        app.add_exception_handler(away, _outage)
    app.add_exception_handler(Exception, unexpected)


_UNSTORABLE = frozenset({"22021", "22P05"})
"""PostgreSQL's codes for NUL in text and in JSON. It can only have come with the request, in whatever member it was hidden."""


def holds_nul(error: Exception) -> bool:
    """Whether the database refused a text of the request because of NUL."""
    return isinstance(error, sql.DBAPIError) and getattr(error.orig, "sqlstate", None) in _UNSTORABLE


async def _outage(request: Request, error: Exception) -> Response:
    """What this service needs is away for now: 503; text that no database can hold: 400; any other fault of a database is ours."""
    if holds_nul(error):
        return problem_response(request, generic(400), "The request holds a character that is not allowed (NUL)")
    if not is_transient(error):
        raise error
    detail = str(error) if isinstance(error, TransientError) else ""  # a database's words may hold values of the statement
    log.warning("dependency_unavailable", error_type=type(error).__name__, detail=detail)
    return problem_response(request, generic(503), "", headers={"Retry-After": "1"})


def _pointer(location: tuple[int | str, ...] | list[int | str]) -> str:
    """Body members as JSON pointer (RFC 6901); parameters as `#query/name`."""
    source, *rest = location or ("body",)
    path = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    return path if source == "body" else f"#{source}{path}"
