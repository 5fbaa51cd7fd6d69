"""Makes access tokens (RFC 9068) and records that it did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.application.signing_keys import KeyRing
from cds_auth.domain.grant import Grant, GrantEntry, details_of, scope_of
from cds_auth.domain.token import Caller, GrantType, new_token_id
from cds_common import exact_json
from cds_common.events.grants import TokenIssuedV1
from cds_common.outbox import record_event

_MAX_DETAILS_BYTES = 2048
"""Larger authorization details stay out of the token: it travels in a header. Introspection has them."""


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom a token is, and on what ground."""

    caller: Caller
    grant_type: GrantType
    subject: str
    family_id: str | None = None
    opens: str | None = None
    """The Grant that a Grant Admin token opens."""
    scopes: frozenset[str] | None = None
    """What it is narrowed to; None for all that is granted."""

    def share(self, grant: Grant) -> tuple[GrantEntry, ...]:
        """What the token tells and opens of what is granted."""
        return tuple(entry for entry in grant.granted if self.scopes is None or entry.scope in self.scopes)


@dataclass(frozen=True, slots=True)
class MadeToken:
    """Members of the token response, and the event without which they must not leave."""

    answer: dict[str, Any]
    event: TokenIssuedV1


class AccessTokens:
    """One per process."""

    def __init__(self, keys: KeyRing, rules: AuthRules) -> None:
        self._keys, self._rules = keys, rules

    async def warm(self) -> None:
        """Have a key to sign with; call it before a transaction is open."""
        await self._keys.warm()

    async def issue(self, tx: AsyncSession, grant: Grant, holder: Holder, now: datetime) -> dict[str, Any]:
        """Members of the token response for `grant`; the event is recorded in the caller's transaction."""
        made = await self.make(grant, holder, now)
        record_event(tx, made.event)
        return made.answer

    async def make(self, grant: Grant, holder: Holder, now: datetime) -> MadeToken:
        """A signed token and the event that has to be recorded before it is given out. It never outlives the Grant."""
        ends = now + self._rules.access_token_lifetime
        if grant.not_after is not None:
            ends = min(ends, grant.not_after)
        token_id = new_token_id(holder.caller.tag, holder.family_id)
        share = holder.share(grant)
        scope, details = scope_of(share), details_of(share)
        event = TokenIssuedV1(
            occurred_at=now,
            token_id=token_id,
            client_id=grant.client_id,
            registration_id=grant.registration_id,
            credential_id=holder.caller.credential_id,
            grant_ids=[grant.grant_id, *([holder.opens] if holder.opens else [])],
            grant_type=holder.grant_type.value,
            scope=scope,
            expires_at=ends,
        )
        signer = await self._keys.signer(now)
        answer: dict[str, Any] = {
            "access_token": signer.sign(self._claims(grant, scope, details, holder, token_id, now, ends)),
            "token_type": "Bearer",
            "expires_in": max(1, int((ends - now).total_seconds())),
            "scope": scope,
        }
        if details:
            answer["authorization_details"] = details
        return MadeToken(answer, event)

    def _claims(
        self, grant: Grant, scope: str, details: list[dict[str, Any]], holder: Holder, token_id: str, now: datetime, ends: datetime
    ) -> Mapping[str, Any]:
        claims: dict[str, Any] = {
            "iss": self._rules.issuer,
            "aud": self._rules.issuer,
            "client_id": grant.client_id,
            "sub": holder.subject,
            "scope": scope,
            "jti": token_id,
            "iat": int(now.timestamp()),
            "exp": int(ends.timestamp()),
            "registration_id": grant.registration_id,
            "environment": grant.environment,
            "cds_grant_ids": [grant.grant_id],
        }
        if holder.opens is not None:
            claims["cds_opens_grant_ids"] = [holder.opens]
        if details and len(exact_json.encode(details)) <= _MAX_DETAILS_BYTES:
            claims["authorization_details"] = details
        return claims
