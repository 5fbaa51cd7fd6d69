"""Errors in the words of OAuth: endpoint errors (RFC 6749 §5.2 and its relatives) and bearer challenges (RFC 6750 §3)."""

from typing import ClassVar

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from cds_common import exact_json
from cds_common.problems import ProblemType, plain_text, problem_response

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """Base of endpoint errors; a subclass names its `error` code and `status`."""

    error: ClassVar[str] = "invalid_request"
    status: ClassVar[int] = 400

    def __init__(self, description: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(description or self.error)
        self.description = plain_text(description)
        self.headers = headers or {}


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed (RFC 6749 §5.2)."""


class InvalidClient(OAuthError):
    """Client authentication failed (RFC 6749 §5.2); the answer names the scheme it may use."""

    error, status = "invalid_client", 401

    def __init__(self, description: str = "Client authentication failed", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(description, headers={"WWW-Authenticate": 'Basic realm="cds"'} | (headers or {}))


class InvalidGrant(OAuthError):
    """The code, refresh token or redirect URI does not match (RFC 6749 §5.2)."""

    error = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type (RFC 6749 §5.2)."""

    error = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The server does not know this grant type (RFC 6749 §5.2)."""

    error = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """The scope is unknown, malformed or beyond what was granted (RFC 6749 §5.2)."""

    error = "invalid_scope"


class InvalidAuthorizationDetails(OAuthError):
    """The authorization details are unknown or malformed (RFC 9396 §5)."""

    error = "invalid_authorization_details"


class TemporarilyUnavailable(OAuthError):
    """The server cannot answer right now."""

    error, status = "temporarily_unavailable", 503


class BearerError(Exception):
    """A refused access token; the answer is a problem document with a `WWW-Authenticate` challenge (RFC 6750 §3)."""

    kind: ClassVar[ProblemType] = ProblemType(401, "invalid-token", "The access token is not accepted", "invalid_token")

    def __init__(self, description: str = "", *, scope: str | None = None) -> None:
        super().__init__(description)
        self.description = plain_text(description) or self.kind.title
        self.scope = scope

    def challenge(self) -> str:
        """Value of the `WWW-Authenticate` header."""
        parts = [f'error="{self.kind.error}"', f'error_description="{self.description}"']
        if self.scope:
            parts.append(f'scope="{plain_text(self.scope)}"')
        return 'Bearer realm="cds", ' + ", ".join(parts)


class MissingToken(BearerError):
    """No access token was sent; the challenge then carries no error code (RFC 6750 §3.1)."""

    kind = ProblemType(401, "token-required", "An access token is required", "invalid_token")

    def challenge(self) -> str:
        """The scheme alone."""
        return 'Bearer realm="cds"'


class InvalidToken(BearerError):
    """The token is malformed, expired, revoked, or its Grant has ended (RFC 6750 §3.1)."""


class InsufficientScope(BearerError):
    """The token is good but lacks the scope of this resource (RFC 6750 §3.1)."""

    kind = ProblemType(403, "insufficient-scope", "The access token lacks the scope", "insufficient_scope")


def oauth_response(error: OAuthError) -> Response:
    """The JSON answer of an OAuth endpoint (RFC 6749 §5.2)."""
    body = {"error": error.error} | ({"error_description": error.description} if error.description else {})
    return Response(exact_json.encode(body), error.status, NO_STORE | error.headers, media_type="application/json")


def install_oauth_handlers(app: FastAPI) -> None:
    """Answer `OAuthError` and `BearerError` wherever they are raised in `app`."""

    async def oauth(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, OAuthError)  # noqa: S101  # registered for this class only
        return oauth_response(error)

    async def bearer(request: Request, error: Exception) -> Response:
        assert isinstance(error, BearerError)  # noqa: S101
        return problem_response(request, error.kind, error.description, headers={"WWW-Authenticate": error.challenge()})

    app.add_exception_handler(OAuthError, oauth)
    app.add_exception_handler(BearerError, bearer)
