"""Checks an authorization request before anybody logs in; the same checks serve the front channel and PAR (RFC 6749 §4.1.1, RFC 9126)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.parameters import Parameters, Repeated, parse_authorization_details
from cds_auth.application.rules import AuthRules
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.code import CHALLENGE
from cds_auth.domain.errors import AuthorizationRefused, InvalidAuthorizationRequest, RequestUriUsed, UnsupportedResponseType
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.domain.token import new_secret, secret_hash
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.pushed_requests import PushedRequests
from cds_common.access.details import ClientLimits, EffectiveEntry, RequestedAccess, scope_string, validate_request
from cds_common.access.errors import AccessRefused
from cds_common.events.clients import ClientPublishedV1
from cds_common.ids import Environment

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
MAX_STATE = 2000


async def resolve_authorization_request(
    tx: AsyncSession, parameters: Sequence[tuple[str, str]], *, rules: AuthRules, clients: ClientDirectory, now: datetime
) -> AuthorizationRequest:
    """The request that a browser brings: in the address itself or by a `request_uri`, which is used up by it.

    Raises:
        InvalidAuthorizationRequest: no redirect may be made.
        RequestUriUsed: the `request_uri` was opened before.
        AuthorizationRefused: the Client has to be told by a redirect.
    """
    sent = Parameters(parameters)
    client = await _client(tx, sent, clients)
    try:
        request_uri = sent.one("request_uri")
    except Repeated as error:
        raise InvalidAuthorizationRequest(str(error)) from error
    if request_uri is not None:
        return await _pushed(tx, client, request_uri, now)
    if rules.strict:
        raise InvalidAuthorizationRequest("The authorization request must be pushed")
    return await _validated(tx, client, sent, rules=rules, clients=clients, now=now)


async def push_authorization_request(
    tx: AsyncSession, client: ClientPublishedV1, sent: Parameters, *, rules: AuthRules, clients: ClientDirectory, now: datetime
) -> tuple[str, int]:
    """Check and keep a pushed request; gives its `request_uri` and its life in seconds (RFC 9126 §2.2).

    Raises:
        InvalidAuthorizationRequest, AuthorizationRefused: as above; the endpoint answers both with JSON.
    """
    if sent.all("request_uri"):
        raise InvalidAuthorizationRequest("request_uri must not be pushed")
    request = await _validated(tx, client, sent, rules=rules, clients=clients, now=now)
    secret, pushed_id = new_secret(), uuid4()
    expires = now + rules.pushed_request_lifetime
    await PushedRequests(tx).add(pushed_id, secret_hash(secret), replace(request, pushed_id=pushed_id), now=now, expires=expires)
    return REQUEST_URI_PREFIX + secret, int(rules.pushed_request_lifetime.total_seconds())


async def _validated(
    tx: AsyncSession, client: ClientPublishedV1, sent: Parameters, *, rules: AuthRules, clients: ClientDirectory, now: datetime
) -> AuthorizationRequest:
    """Validate; what the copy of the Client would refuse is judged by registry's newest state."""
    try:
        return await validate_authorization_request(tx, client, sent, rules=rules, now=now)
    except (InvalidAuthorizationRequest, AuthorizationRefused):
        newer = await clients.newer(tx, client)
        if newer is None or newer.status == "disabled":
            raise
        return await validate_authorization_request(tx, newer, sent, rules=rules, now=now)


async def validate_authorization_request(
    tx: AsyncSession, client: ClientPublishedV1, sent: Parameters, *, rules: AuthRules, now: datetime
) -> AuthorizationRequest:
    """Checks A-3 to A-8 of the process in their order; the first fault decides.

    Raises:
        InvalidAuthorizationRequest: `redirect_uri` or `response_type`.
        AuthorizationRefused: anything else.
    """
    refusal = _Refusal(client, *_redirect_uri(client, sent), state=None)
    _check_response_type(client, sent)
    try:
        state = sent.one("state")
    except Repeated as error:
        refusal.refuse("invalid_request", str(error))
    refusal = replace(refusal, state=state)
    if state is not None and len(state) > MAX_STATE:
        replace(refusal, state=None).refuse("invalid_request", "state is too long")
    challenge = _checked_parameters(sent, refusal, pkce_exempt=client.pkce_exempt and not rules.strict)
    entries = _entries(client, sent, refusal, rules, now)
    request = AuthorizationRequest(
        client_id=client.client_id,
        registration_id=client.registration_id,
        environment=client.environment,
        redirect_uri=refusal.redirect_uri,
        redirect_uri_sent=refusal.sent,
        is_server_redirect=refusal.is_server_redirect,
        state=state,
        scope=scope_string(entries),
        entries=entries,
        code_challenge=challenge,
        cds_grant_id=next(iter(sent.all("cds_grant_id")), None),
        prompt_login="login" in (sent.one("prompt") or "").split(),
    )
    await _check_grant_id(tx, request, refusal)
    return request


async def revalidate_for_customer(
    tx: AsyncSession,
    request: AuthorizationRequest,
    *,
    customer_id: UUID,
    customer_environment: Environment,
    rules: AuthRules,
    clients: ClientDirectory,
    now: datetime,
) -> tuple[ClientPublishedV1, Grant | None]:
    """The checks that need the customer, and once more those that time may have changed; gives the Client and the Grant of `cds_grant_id`.

    Raises:
        AuthorizationRefused: the Client has to be told by a redirect.
    """
    client = await clients.find(tx, request.client_id)
    server_redirect = request.is_server_redirect
    if client is None or client.status == "disabled" or client.environment != request.environment:
        _refuse("access_denied", "The client can not be used", request.redirect_uri, request.state, server_redirect)
    if customer_environment != request.environment:
        _refuse("access_denied", "The customer can not authorize this client", request.redirect_uri, request.state, server_redirect)
    refusal = _Refusal(client, request.redirect_uri, request.redirect_uri_sent, request.state)
    _check_entries_again(client, request, refusal, rules, now)
    if request.cds_grant_id is None:
        return client, None
    grant = await _check_grant_id(tx, request, refusal)
    if grant is None or (grant.customer_ids and customer_id not in grant.customer_ids):
        refusal.refuse("cds_grant_id_invalid_user", "cds_grant_id is not meant for this customer")
    return client, grant


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Where a refusal has to go."""

    client: ClientPublishedV1
    redirect_uri: str
    sent: bool
    state: str | None

    @property
    def is_server_redirect(self) -> bool:
        return self.redirect_uri == self.client.server_redirect_uri

    def refuse(self, error: str, description: str) -> NoReturn:
        _refuse(error, description, self.redirect_uri, self.state, self.is_server_redirect)


def _refuse(error: str, description: str, redirect_uri: str, state: str | None, is_server_redirect: bool) -> NoReturn:
    raise AuthorizationRefused(error, description, redirect_uri=redirect_uri, state=state, is_server_redirect=is_server_redirect)


async def _client(tx: AsyncSession, sent: Parameters, clients: ClientDirectory) -> ClientPublishedV1:
    try:
        client_id = sent.one("client_id")
    except Repeated as error:
        raise InvalidAuthorizationRequest(str(error)) from error
    if client_id is None:
        raise InvalidAuthorizationRequest("client_id is missing")
    client = await clients.find(tx, client_id)
    if client is None or client.status == "disabled" or "authorization_code" not in client.grant_types:
        raise InvalidAuthorizationRequest("The client is unknown or can not ask customers")
    return client


async def _pushed(tx: AsyncSession, client: ClientPublishedV1, request_uri: str, now: datetime) -> AuthorizationRequest:
    requests = PushedRequests(tx)
    secret = request_uri.removeprefix(REQUEST_URI_PREFIX)
    found = None if secret == request_uri or len(secret) > 100 else await requests.find_for_update(secret_hash(secret))
    if found is None or found.client_id != client.client_id:
        raise InvalidAuthorizationRequest("request_uri is unknown")
    # Opened before: its first browser session may still come back after the short life has passed.
    if found.used is not None:
        raise RequestUriUsed("request_uri was used before", found.pushed_id)
    if found.expires <= now:
        raise InvalidAuthorizationRequest("request_uri has expired")
    await requests.mark_used(found.pushed_id, now)
    request = found.request
    if request.redirect_uri not in _registered(client):
        raise InvalidAuthorizationRequest("redirect_uri is not registered any more")
    return request


def _registered(client: ClientPublishedV1) -> set[str]:
    return {*client.redirect_uris, *([client.server_redirect_uri] if client.server_redirect_uri else [])}


def _redirect_uri(client: ClientPublishedV1, sent: Parameters) -> tuple[str, bool]:
    """The effective redirect URI and whether it was sent; it must equal a registered one exactly (RFC 9700 §2.1)."""
    try:
        redirect_uri = sent.one("redirect_uri")
    except Repeated as error:
        raise InvalidAuthorizationRequest(str(error)) from error
    if redirect_uri is None:
        default = client.default_redirect_uri or client.server_redirect_uri
        if default is None:
            raise InvalidAuthorizationRequest("redirect_uri is missing")
        return default, False
    if redirect_uri not in _registered(client):
        raise InvalidAuthorizationRequest("redirect_uri is not registered for this client")
    return redirect_uri, True


def _check_response_type(client: ClientPublishedV1, sent: Parameters) -> None:
    try:
        response_type = sent.one("response_type")
    except Repeated as error:
        raise InvalidAuthorizationRequest(str(error)) from error
    if response_type is None:
        raise InvalidAuthorizationRequest("response_type is missing")
    if response_type != "code" or "code" not in client.response_types:
        raise UnsupportedResponseType("response_type is not supported")


def _checked_parameters(sent: Parameters, refusal: _Refusal, *, pkce_exempt: bool) -> str | None:
    """The S256 challenge; no parameter may be repeated (RFC 6749 §3.1), PKCE is demanded (CDS-WG1-02 §3.4)."""
    repeated = sent.repeated()
    if repeated is not None:
        refusal.refuse("invalid_request", f"{repeated[:50]} must not be repeated")
    if sent.all("request"):
        refusal.refuse("request_not_supported", "request objects are not supported")
    challenge, method = sent.one("code_challenge"), sent.one("code_challenge_method")
    if challenge is None and method is None and pkce_exempt:
        return None
    if challenge is None or CHALLENGE.fullmatch(challenge) is None:
        refusal.refuse("invalid_request", "code_challenge is missing or malformed")
    if method != "S256":
        refusal.refuse("invalid_request", "code_challenge_method must be S256")
    return challenge


def _entries(client: ClientPublishedV1, sent: Parameters, refusal: _Refusal, rules: AuthRules, now: datetime) -> tuple[EffectiveEntry, ...]:
    try:
        details = parse_authorization_details(sent.one("authorization_details"))
        asked = RequestedAccess(sent.one("scope"), details, "authorization_code")
        return tuple(validate_request(asked, limits=ClientLimits.of(client), offered=rules.offered, now=now, tz=rules.tz))
    except AccessRefused as refused:
        refusal.refuse(refused.error, refused.description)


def _check_entries_again(
    client: ClientPublishedV1, request: AuthorizationRequest, refusal: _Refusal, rules: AuthRules, now: datetime
) -> None:
    """The Client's scopes and Purposes may have changed since; a relative value is judged from now."""
    limits = ClientLimits.of(client)
    details = [{"type": entry.scope, **entry.details} for entry in request.entries if entry.scope in limits.details_types]
    asked = RequestedAccess(request.scope, details, "authorization_code")
    try:
        validate_request(asked, limits=limits, offered=rules.offered, now=now, tz=rules.tz)
    except AccessRefused as refused:
        refusal.refuse(refused.error, refused.description)


async def _check_grant_id(tx: AsyncSession, request: AuthorizationRequest, refusal: _Refusal) -> Grant | None:
    """The Grant that the request wants authorized (CDS-WG1-02 §8.3): of this Client, waiting, and for exactly its scopes."""
    if request.cds_grant_id is None:
        return None
    grant = await Grants(tx).find(request.cds_grant_id)
    fits = (
        grant is not None
        and grant.client_id == request.client_id
        and grant.environment == request.environment
        and grant.status is GrantStatus.NEEDS_AUTHORIZATION
        and set(grant.scope.split()) == set(request.scope.split())
    )
    if not fits:
        refusal.refuse("cds_grant_id_invalid_value", "cds_grant_id does not fit this request")
    return grant
