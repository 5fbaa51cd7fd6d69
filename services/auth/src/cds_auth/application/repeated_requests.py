"""Answers a client_credentials request like an earlier one, in one database round trip.

Clients ask again and again for the same token. This process remembers what it answered from; the statement that records the
new token also checks that Client and Grant are still exactly those, so that nothing is decided by memory alone.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from cds_auth.application.access_tokens import AccessTokens, Holder
from cds_auth.application.client_authentication import Proof
from cds_auth.domain.grant import Grant
from cds_auth.domain.token import Caller, GrantType
from cds_auth.persistence.confirmed_events import ConfirmedEvents, Remembered
from cds_common.events.clients import ClientPublishedV1

_KEPT = 5000
_MAX_KEY = 4000
"""Characters of scope and details; larger requests are rare and take the long way."""

_Key = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class _Known:
    client: ClientPublishedV1
    grant: Grant


class RepeatedRequests:
    """One per process."""

    def __init__(self, engine: AsyncEngine, tokens: AccessTokens) -> None:
        self._events, self._tokens = ConfirmedEvents(engine.execution_options(isolation_level="AUTOCOMMIT")), tokens
        self._known: OrderedDict[_Key, _Known] = OrderedDict()

    def remember(self, client: ClientPublishedV1, proof: Proof, grant: Grant) -> None:
        """The request of `proof` was answered from this Grant, without a second one behind it."""
        key = _key(client.client_id, proof)
        if key is None:
            return
        self._known[key] = _Known(client, grant)
        self._known.move_to_end(key)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)

    async def answer(self, client: ClientPublishedV1, caller: Caller, proof: Proof, now: datetime) -> dict[str, Any] | None:
        """The token answer, or None when the request is not known, or Client or Grant are not what they were."""
        key = _key(client.client_id, proof)
        known = None if key is None else self._known.get(key)
        if key is None or known is None or known.client.event_id != client.event_id or not _usable(known.grant, now):
            return None
        holder = Holder(caller, GrantType.CLIENT_CREDENTIALS, client.client_id)
        made = await self._tokens.make(known.grant, holder, now)
        remembered = Remembered(client.client_id, client.event_id, known.grant.grant_id, known.grant.version)
        if not await self._events.record(made.event, remembered):
            self._known.pop(key, None)
            return None
        return made.answer


def _key(client_id: str, proof: Proof) -> _Key | None:
    if proof.form.get("grant_type") != GrantType.CLIENT_CREDENTIALS:
        return None
    scope, details = proof.form.get("scope"), proof.form.get("authorization_details")
    return (client_id, scope, details) if len(scope or "") + len(details or "") <= _MAX_KEY else None


def _usable(grant: Grant, now: datetime) -> bool:
    return grant.is_open and (grant.not_after is None or grant.not_after > now)
