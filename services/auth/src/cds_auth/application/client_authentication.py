"""Client authentication (RFC 6749 §2.3, RFC 7523 §3): client_secret_basic, and private_key_jwt for Clients that registered a key set."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.rate_limit import AuthenticationLimits
from cds_auth.application.rules import AuthRules
from cds_auth.domain.token import Caller, secret_hash
from cds_auth.persistence.client_assertions import ClientAssertions
from cds_common.events.clients import ClientPublishedV1
from cds_common.oauth_errors import InvalidClient, InvalidRequest, OAuthError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
_MAX_ASSERTION = 8192
_MAX_ASSERTION_AGE = timedelta(minutes=10)
_LEEWAY = timedelta(seconds=10)
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request brings to prove who the Client is: its Authorization headers and the form."""

    authorization: tuple[str, ...]
    form: Mapping[str, str]
    address: str
    endpoint: str
    """Absolute address of the endpoint, which an assertion may name as its audience."""


class ClientAuthenticator:
    """One per process."""

    def __init__(self, clients: ClientDirectory, rules: AuthRules, limits: AuthenticationLimits) -> None:
        self._clients, self._rules, self._limits = clients, rules, limits

    async def authenticate(self, tx: AsyncSession, proof: Proof, now: datetime) -> tuple[ClientPublishedV1, Caller]:
        """The enabled Client that the request proves to come from.

        Raises:
            InvalidClient: no proof, a wrong one, or a disabled Client; always the same answer.
            InvalidRequest: two ways of authentication at once (RFC 6749 §2.3).
            TooManyRequests: too many failures from this address before.
        """
        assertion = proof.form.get("client_assertion")
        if proof.authorization and (assertion is not None or "client_secret" in proof.form):
            raise InvalidRequest("Only one way of client authentication may be used")
        if assertion is not None:
            return await self._by_assertion(tx, proof, assertion, now)
        return await self._by_secret(tx, proof, now)

    def recognise(self, proof: Proof, now: datetime) -> tuple[ClientPublishedV1, Caller] | None:
        """The Client as far as this process remembers it; whoever uses this has the database confirm the snapshot.

        None says nothing: only `authenticate` refuses.
        """
        if "client_assertion" in proof.form or "client_secret" in proof.form:
            return None
        try:
            client_id, secret = _basic(proof.authorization)
            self._limits.check(client_id, proof.address)
        except OAuthError:
            return None
        client = self._clients.recall(client_id)
        caller = self._caller_by_secret(client, secret, now)
        if client is None or caller is None or proof.form.get("client_id", client_id) != client_id:
            return None
        return client, caller

    async def _by_secret(self, tx: AsyncSession, proof: Proof, now: datetime) -> tuple[ClientPublishedV1, Caller]:
        client_id, secret = _basic(proof.authorization)
        if proof.form.get("client_id", client_id) != client_id:
            raise InvalidRequest("client_id differs from the authenticated client")
        self._limits.check(client_id, proof.address)
        client = await self._clients.find(tx, client_id)
        caller = self._caller_by_secret(client, secret, now)
        if client is not None and caller is None:
            # A Credential that was made a moment ago: registry knows it before the bus has told us.
            client = await self._clients.newer(tx, client)
            caller = self._caller_by_secret(client, secret, now)
        if client is None or caller is None:
            self._limits.failed(client_id, proof.address)
            raise InvalidClient
        return client, caller

    def _caller_by_secret(self, client: ClientPublishedV1 | None, secret: str, now: datetime) -> Caller | None:
        sent = hmac.new(self._rules.credential_key, secret.encode(), hashlib.sha256).hexdigest()
        verifiers = [] if client is None else [c for c in client.credentials if c.expires_at is None or c.expires_at > now]
        found: str | None = None
        # Every verifier is compared, and one is when there is none, so that the time tells neither place nor existence.
        for credential in verifiers:
            if hmac.compare_digest(credential.secret_hmac, sent):
                found = credential.credential_id
        if not verifiers:
            hmac.compare_digest(_NOBODY, sent)
        if client is None or found is None or not _may_use(client, "client_secret_basic"):
            return None
        return Caller(client.client_id, found)

    async def _by_assertion(self, tx: AsyncSession, proof: Proof, assertion: str, now: datetime) -> tuple[ClientPublishedV1, Caller]:
        if proof.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidRequest("client_assertion_type is not supported")
        client_id = _claimed_client(assertion)
        self._limits.check(client_id, proof.address)
        client = await self._clients.find(tx, client_id)
        checked = None if client is None else _check_assertion(client, assertion, (self._rules.issuer, proof.endpoint), now)
        if client is None or checked is None or not await ClientAssertions(tx).use(client_id, secret_hash(checked.jti), checked.expires):
            self._limits.failed(client_id, proof.address)
            raise InvalidClient
        if proof.form.get("client_id", client_id) != client_id:
            raise InvalidRequest("client_id differs from the authenticated client")
        return client, Caller(client.client_id, f"jwk:{checked.kid}")


def _may_use(client: ClientPublishedV1, method: str) -> bool:
    return client.status != "disabled" and client.token_endpoint_auth_method == method


@dataclass(frozen=True, slots=True)
class _Assertion:
    kid: str
    jti: str
    expires: datetime


def _basic(headers: tuple[str, ...]) -> tuple[str, str]:
    """Name and secret of the Basic header; both are form-encoded inside it (RFC 6749 §2.3.1)."""
    if len(headers) != 1 or len(headers[0]) > 2000:
        raise InvalidClient
    scheme, _, value = headers[0].partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None
    name, colon, secret = decoded.partition(":")
    if not colon or not name or not secret:
        raise InvalidClient
    return unquote_plus(name), unquote_plus(secret)


def _claimed_client(assertion: str) -> str:
    """The Client that an assertion says it is from; nothing is proven by it."""
    try:
        if len(assertion) > _MAX_ASSERTION:
            raise InvalidClient
        payload = assertion.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = claims["sub"]
    except (IndexError, ValueError, KeyError, TypeError):
        raise InvalidClient from None
    if not isinstance(subject, str) or not 0 < len(subject) <= 200:
        raise InvalidClient
    return subject


def _check_assertion(client: ClientPublishedV1, assertion: str, audiences: tuple[str, ...], now: datetime) -> _Assertion | None:
    if not _may_use(client, "private_key_jwt") or client.jwks is None:
        return None
    try:
        decoded = jwt.decode(assertion, KeySet.import_key_set(client.jwks), algorithms=_ASSERTION_ALGORITHMS)  # pyright: ignore[reportArgumentType]
    except (JoseError, ValueError):
        return None
    claims, kid = decoded.claims, str(decoded.header.get("kid", ""))
    expires, jti = claims.get("exp"), claims.get("jti")
    if not isinstance(expires, int) or not isinstance(jti, str) or not 0 < len(jti) <= 500:
        return None
    ends = datetime.fromtimestamp(min(expires, 4_000_000_000), UTC)
    named: Any = claims.get("aud")
    audience: list[Any] = named if isinstance(named, list) else [named]
    right = claims.get("iss") == client.client_id and any(one in audiences for one in audience)
    timely = now - _LEEWAY < ends <= now + _MAX_ASSERTION_AGE and _begun(claims.get("nbf"), now)
    return _Assertion(kid, jti, ends + _LEEWAY) if right and timely else None


def _begun(not_before: object, now: datetime) -> bool:
    return not_before is None or (isinstance(not_before, int) and not_before <= (now + _LEEWAY).timestamp())
