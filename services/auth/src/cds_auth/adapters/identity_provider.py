"""The utility's identity provider (OpenID Connect Core 1.0, authorization code flow with PKCE)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, urlsplit

import httpx
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cds_auth.settings import Settings
from cds_common.errors import TransientError
from cds_common.settings import LOCAL_HOSTS

_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


class LoginNotCompleted(Exception):
    """The provider did not say, in a way that can be trusted, who logged in."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who logged in at the provider."""

    issuer: str
    subject: str
    customer_number: str | None
    name: str


class IdentityProvider:
    """One per process; the provider's description and keys are read once and again when a key is unknown."""

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            raise ValueError("CDS_AUTH_OIDC_ISSUER and CDS_AUTH_OIDC_CLIENT_ID belong together")
        self._issuer, self._client_id = settings.oidc_issuer, settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
        self._claim, self._scope = settings.oidc_customer_number_claim, settings.oidc_scope
        self._callback = f"{settings.public_url}/login/callback"
        self._transport = transport
        self._description: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None

    async def authorization_url(self, *, state: str, nonce: str, verifier: str, fresh: bool) -> str:
        """Where the browser goes to log in. `fresh`: an open session there is not enough (prompt=login).

        Raises:
            TransientError: the provider cannot be reached.
        """
        description = await self._describe()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "scope": self._scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        if fresh:
            asked["prompt"] = "login"
        return add_params_to_uri(str(description["authorization_endpoint"]), list(asked.items()))

    async def person_of(self, code: str, *, issuer: str | None, verifier: str, nonce: str, now: datetime) -> Person:
        """Redeem the code and read who logged in; `issuer` is the `iss` that came with the code (RFC 9207).

        Raises:
            LoginNotCompleted: the code, the token or its signature is not good, or it comes from somebody else.
            TransientError: the provider cannot be reached.
        """
        description = await self._describe()
        if issuer is None and description.get("authorization_response_iss_parameter_supported") is True:
            raise LoginNotCompleted("the answer does not name its issuer")
        if issuer is not None and issuer != self._issuer:
            raise LoginNotCompleted("the answer comes from another issuer")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback, "code_verifier": verifier}
        if self._secret is None:
            form["client_id"] = self._client_id
        try:
            async with self._http() as http:
                response = await http.post(str(description["token_endpoint"]), data=form, auth=self._basic())
            answer: dict[str, Any] = response.json()
        except httpx.HTTPError as error:
            raise TransientError("the identity provider cannot be reached") from error
        except ValueError as error:
            raise LoginNotCompleted("the answer is no JSON") from error
        if response.status_code != 200:
            raise LoginNotCompleted("the code was refused")
        claims = await self._claims(str(answer.get("id_token", "")), nonce=nonce, now=now)
        if self._claim not in claims and "userinfo_endpoint" in description:
            claims = {
                **await self._more(str(description["userinfo_endpoint"]), str(answer.get("access_token", "")), claims["sub"]),
                **claims,
            }
        number = claims.get(self._claim)
        name = str(claims.get("preferred_username") or claims.get("email") or claims.get("name") or "")
        return Person(self._issuer, str(claims["sub"]), str(number) if number is not None else None, name)

    async def _claims(self, token: str, *, nonce: str, now: datetime) -> Mapping[str, Any]:
        """The checked claims of an ID token (OpenID Connect Core §3.1.3.7)."""
        seconds = int(now.timestamp())
        registry = jwt.JWTClaimsRegistry(
            now=seconds,
            leeway=60,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
        )
        for attempt in range(2):
            try:
                decoded = jwt.decode(token, await self._key_set(again=attempt > 0), algorithms=_ALGORITHMS)
                registry.validate(decoded.claims)
            except (JoseError, ValueError) as error:
                if attempt:
                    raise LoginNotCompleted("the ID token is not valid") from error
            else:
                return decoded.claims
        raise LoginNotCompleted("the ID token is not valid")

    async def _more(self, address: str, access_token: str, subject: str) -> Mapping[str, Any]:
        """Claims that the provider keeps out of its ID tokens (OpenID Connect Core §5.3, §5.4)."""
        found = await self._get(address, {"Authorization": f"Bearer {access_token}"})
        if found.get("sub") != subject:
            raise LoginNotCompleted("the userinfo answer is about somebody else")
        return found

    async def _describe(self) -> Mapping[str, Any]:
        if self._description is None:
            found = await self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._issuer:
                raise TransientError("the identity provider describes another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _check_address(str(found.get(name, "")))
            self._description = found
        return self._description

    async def _key_set(self, *, again: bool) -> KeySet:
        if self._keys is None or again:
            self._keys = KeySet.import_key_set(cast("Any", await self._get((await self._describe())["jwks_uri"])))
        return self._keys

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        _check_address(url)
        try:
            async with self._http() as http:
                answer = await http.get(url, headers=headers)
                answer.raise_for_status()
                return cast("dict[str, Any]", answer.json())
        except (httpx.HTTPError, ValueError) as error:
            raise TransientError("the identity provider cannot be reached") from error

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport, timeout=5, headers={"Accept": "application/json"})

    def _basic(self) -> httpx.Auth:
        """client_secret_basic takes both parts form-encoded (RFC 6749 §2.3.1); a public client sends none."""
        return httpx.Auth() if self._secret is None else httpx.BasicAuth(quote(self._client_id, safe=""), quote(self._secret, safe=""))


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS):
        raise TransientError("the identity provider has to be reached over https")
