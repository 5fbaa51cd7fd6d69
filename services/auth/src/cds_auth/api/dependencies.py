"""Parameters that endpoints of this service ask for."""

from typing import Annotated, cast
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

from cds_auth.application.client_authentication import ClientAuthenticator, Proof
from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.introspect_token import living_grants
from cds_auth.application.parameters import MAX_PARAMETERS, Parameters, Repeated
from cds_auth.application.rate_limit import RateLimiter
from cds_auth.application.rules import AuthRules
from cds_auth.application.signing_keys import KeyRing
from cds_auth.application.token_endpoint import TokenEndpoint
from cds_auth.settings import Settings
from cds_common.clock import Now
from cds_common.db import Sessions, Tx
from cds_common.oauth_errors import InsufficientScope, InvalidRequest, InvalidToken
from cds_common.tokens import AccessToken, Bearer, TokenVerifier

__all__ = [
    "Authenticator",
    "Bearer",
    "ClientAdmin",
    "Clients",
    "Form",
    "Keys",
    "Now",
    "OwnSessions",
    "Rules",
    "Sent",
    "SettingsOf",
    "TokenAnswers",
    "Tx",
    "Verifier",
]  # fmt: skip


async def _settings(request: Request) -> Settings:
    return cast("Settings", request.state.settings)


async def _rules(request: Request) -> AuthRules:
    return cast("AuthRules", request.state.rules)


async def _clients(request: Request) -> ClientDirectory:
    return cast("ClientDirectory", request.state.clients)


async def _keys(request: Request) -> KeyRing:
    return cast("KeyRing", request.state.keys)


async def _verifier(request: Request) -> TokenVerifier:
    await (await _keys(request)).warm()
    return cast("TokenVerifier", request.state.tokens)


async def _authenticator(request: Request) -> ClientAuthenticator:
    return cast("ClientAuthenticator", request.state.authenticator)


async def _token_endpoint(request: Request) -> TokenEndpoint:
    return cast("TokenEndpoint", request.state.token_endpoint)


async def _sessions(request: Request) -> Sessions:
    return cast("Sessions", request.state.sessions)


SettingsOf = Annotated[Settings, Depends(_settings)]
Rules = Annotated[AuthRules, Depends(_rules)]
Clients = Annotated[ClientDirectory, Depends(_clients)]
Keys = Annotated[KeyRing, Depends(_keys)]
Verifier = Annotated[TokenVerifier, Depends(_verifier)]
Authenticator = Annotated[ClientAuthenticator, Depends(_authenticator)]
TokenAnswers = Annotated[TokenEndpoint, Depends(_token_endpoint)]
OwnSessions = Annotated[Sessions, Depends(_sessions)]


async def _form(request: Request) -> Parameters:
    """The pairs of a form body (RFC 6749 appendix B)."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequest("The body must be application/x-www-form-urlencoded")
    try:
        text = (await request.body()).decode()
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=MAX_PARAMETERS)
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest("The body is not a valid form") from None
    return Parameters(pairs)


Form = Annotated[Parameters, Depends(_form)]


async def _proof(request: Request, form: Form) -> Proof:
    """What authenticates the Client of this request; parameters must not be repeated (RFC 6749 §3.2)."""
    try:
        single = form.single()
    except Repeated as error:
        raise InvalidRequest(str(error)) from error
    settings = await _settings(request)
    return Proof(
        authorization=tuple(request.headers.getlist("authorization")),
        form=single,
        address=request.client.host if request.client else "unknown",
        endpoint=settings.public_url + request.url.path,
    )


Sent = Annotated[Proof, Depends(_proof)]


async def _client_admin(request: Request, token: Bearer, tx: Tx, now: Now) -> AccessToken:
    """A living token of the Client Admin scope; `registration_id` decides what it opens (CDS-WG1-02 §3.3.1).

    Raises:
        InvalidToken: it was revoked, or its Grant gives no access any more.
        InsufficientScope: it is for something else.
        TooManyRequests: the Client asks faster than it may (CDS-WG1-02 §11.3).
    """
    limiter: RateLimiter = request.state.limiter
    limiter.take(f"api:{token.client_id}")
    if await living_grants(tx, token, now) is None:
        raise InvalidToken("The access token was revoked")
    if "cds_client_admin" not in token.scopes:
        raise InsufficientScope("The Client Admin scope is needed", scope="cds_client_admin")
    return token


ClientAdmin = Annotated[AccessToken, Depends(_client_admin)]
