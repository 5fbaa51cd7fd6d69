"""From a verified access token to what it opens right now: one round trip when the copy is warm (design §3, §4)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Protocol

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import exact_json
from cds_common.access.catalogue import is_customer_data
from cds_common.access.status import ENDED_STATUSES, opens
from cds_common.data_answers import customer_data_opened
from cds_common.errors import TransientError
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.grant_copy.access import Access
from cds_common.grant_copy.apply import apply_entitlements, apply_grant
from cds_common.grant_copy.entry import OpenEntry
from cds_common.hot_sql import HotRow, hot_batch
from cds_common.oauth_errors import InsufficientScope, InvalidToken
from cds_common.settings import CommonSettings
from cds_common.tokens import AccessToken

MAX_GRANTS = 100
"""Grants that one token may read through."""

_WAITING = frozenset({"pending", "needs_sub_grants"})
"""A Grant leaves these without its Client doing anything, so the Client looks at auth and reads as soon as it is active."""

_LOAD = """
    SELECT wanted.grant_id AS wanted_id, g.grant_id AS held_id, g.entries_version AS grant_entries_version, g.client_id, g.registration_id,
           g.environment, g.status, g.not_before, g.not_after, g.enabled_entries, g.scopes, g.scope_types,
           g.revoked_token_parts, g.tokens_not_before, g.encryption_key::text,
           greatest(g.checked_at, (SELECT min(h.as_of) FROM grant_heartbeat h WHERE h.partition = coalesce(g.partition, h.partition)))
               AS fresh_at,
           v.entries_version AS resolved_entries_version, v.environment AS resolved_environment, e.*
    FROM unnest((SELECT $1::text[])) WITH ORDINALITY AS wanted(grant_id, no)
    LEFT JOIN grant_copy g ON g.grant_id = wanted.grant_id
    LEFT JOIN entitlement v ON v.grant_id = g.grant_id
    LEFT JOIN entitlement_entry e ON e.grant_id = g.grant_id AND e.entry_no = ANY (g.enabled_entries)
    ORDER BY wanted.no, e.entry_no
    """
"""The array is asked for by a query of its own, so that its length is no reason for Postgres to plan the statement anew each time."""


class Peers(Protocol):
    """Where the copy is filled from when it does not know; `GrantPeers` asks auth and accounts."""

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """The Grant as auth has it."""
        ...

    async def entitlements(self, grant_id: str) -> EntitlementsResolvedV1 | None:
        """The entitlements as accounts has them."""
        ...


async def load_access(session: AsyncSession, token: AccessToken, *, now: datetime, settings: CommonSettings, peers: Peers) -> Access:
    """Give what `token` opens at `now`, from the copy; the owners are asked only about what is unknown or stale.

    A Grant that is open but has nothing enabled adds no entries. A token of several Grants opens the union of the live
    ones. Only entries of a scope that the token itself carries count (a refresh may narrow it, RFC 6749 §6); a Grant
    Admin token opens the enabled entries of the Grants it was made for, as long as its own Grant lives.

    Raises:
        InvalidToken: every Grant of the token has ended or is not the token's (401).
        InsufficientScope: the token has no customer-data scope, or opens Grants with different encryption keys (403).
        TransientError: a Grant is unknown or stale and its owner cannot be reached (503).
    """
    wanted = list(dict.fromkeys([*token.cds_grant_ids, *token.cds_opens_grant_ids]))
    if not wanted:
        raise InsufficientScope("The access token belongs to no Grant")
    if len(wanted) > MAX_GRANTS:
        raise InvalidToken("The access token belongs to too many Grants")
    grants = await _read(session, wanted)
    if await _refresh(session, grants, now=now, settings=settings, peers=peers):
        grants = await _read(session, wanted)
    return _decide(token, grants, now)


class _Held:
    """A Grant as it is held, with its enabled and resolved entries."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.row, self.known = rows[0], rows[0].held_id is not None
        self.entries = [row for row in rows if row.entry_no is not None]

    def ended(self, now: datetime) -> bool:
        return self.row.status in ENDED_STATUSES or (self.row.not_after is not None and self.row.not_after <= now)

    def opens(self, now: datetime) -> bool:
        return opens(self.row.status, self.row.not_before, self.row.not_after, now)

    def accepts(self, token: AccessToken) -> bool:
        """Whether the token is one that the Grant still honours (revocation of single tokens, families and Credentials)."""
        revoked = not set(token.jti.split(".")).isdisjoint(self.row.revoked_token_parts)
        too_old = self.row.tokens_not_before is not None and token.iat < self.row.tokens_not_before.timestamp()
        return self.row.environment == token.environment and self.row.registration_id == token.registration_id and not (revoked or too_old)

    def waits(self, now: datetime) -> bool:
        """Open, but auth had not enabled every entry yet when it published this copy: entries open one by one."""
        return self.known and self.row.status in _WAITING and self.opens(now) and len(self.row.enabled_entries) < len(self.row.scopes)

    def resolved(self) -> bool:
        return self.row.resolved_entries_version == self.row.grant_entries_version and self.row.resolved_environment == self.row.environment

    def needs_entitlements(self, now: datetime) -> bool:
        data = any(map(is_customer_data, self.row.scope_types))
        return self.opens(now) and bool(self.row.enabled_entries) and data and not self.resolved()


async def _read(session: AsyncSession, grant_ids: list[str]) -> dict[str, _Held]:
    return await hot_batch(session, _read_each, grant_ids)


async def _read_each(driver: asyncpg.Connection, wanted: Sequence[list[str]]) -> Sequence[dict[str, _Held]]:
    """What is held of the Grants of several requests; each gets its own, in its order."""
    found: dict[str, list[Any]] = {}
    for row in await driver.fetch(_LOAD, list(dict.fromkeys(chain.from_iterable(wanted))), record_class=HotRow):
        found.setdefault(row.wanted_id, []).append(row)
    held = {grant_id: _Held(rows) for grant_id, rows in found.items()}
    return [{grant_id: held[grant_id] for grant_id in grant_ids} for grant_ids in wanted]


async def _refresh(session: AsyncSession, grants: dict[str, _Held], *, now: datetime, settings: CommonSettings, peers: Peers) -> bool:
    """Fill what is unknown, stale or unresolved; say whether anything may have changed."""
    changed = False
    for grant_id, held in grants.items():
        changed |= await _refresh_grant(session, grant_id, held, now=now, settings=settings, peers=peers)
    if changed:
        grants = await _read(session, list(grants))
    for grant_id, held in grants.items():
        if held.known and held.needs_entitlements(now):
            await _resolve(session, grant_id, held.row.grant_entries_version, now=now, peers=peers)
            changed = True
    return changed


async def _resolve(session: AsyncSession, grant_id: str, entries_version: int, *, now: datetime, peers: Peers) -> None:
    resolved = await peers.entitlements(grant_id)
    if resolved is not None and resolved.entries_version > entries_version:
        # Accounts asks auth itself: the Grant was changed again, and that event is still on its way here.
        grant = await peers.grant(grant_id)
        if grant is not None:
            await apply_grant(session, grant, checked_at=now)
            entries_version = grant.entries_version
    if resolved is None or resolved.entries_version != entries_version:
        raise TransientError("the entitlements of a Grant are not resolved yet")
    await apply_entitlements(session, resolved)


async def _refresh_grant(
    session: AsyncSession, grant_id: str, held: _Held, *, now: datetime, settings: CommonSettings, peers: Peers
) -> bool:
    if held.known and held.ended(now):
        return False  # an end is final: nothing to ask
    stale = held.known and (held.row.fresh_at is None or held.row.fresh_at < now - settings.staleness_limit)
    if not held.known or stale or (held.needs_entitlements(now) and _ahead(held)):
        grant = await peers.grant(grant_id)
        if grant is not None:
            await apply_grant(session, grant, checked_at=now)
            return True
        if held.known:
            raise TransientError("auth does not know a Grant that it has published")
        return False
    return held.waits(now) and await _ask_about_waiting(session, grant_id, now, peers)


async def _ask_about_waiting(session: AsyncSession, grant_id: str, now: datetime, peers: Peers) -> bool:
    """A Client that has just read `active` at auth must not get an empty listing because the event is still on its way."""
    try:
        grant = await peers.grant(grant_id)
    except TransientError:
        return False  # the copy is fresh enough to answer from alone
    return grant is not None and await apply_grant(session, grant, checked_at=now)


def _ahead(held: _Held) -> bool:
    """The entitlements were resolved for a newer Grant than the one held."""
    resolved = held.row.resolved_entries_version
    return resolved is not None and resolved > held.row.grant_entries_version


def _decide(token: AccessToken, grants: dict[str, _Held], now: datetime) -> Access:
    own = [
        held for grant_id in token.cds_grant_ids if _alive(held := grants[grant_id], token, now) and held.row.client_id == token.client_id
    ]
    if not own:
        raise InvalidToken("The Grant of the access token has ended")
    sources, scopes = own, token.scopes
    if token.cds_opens_grant_ids:
        if not any(held.opens(now) for held in own):
            raise InvalidToken("The Grant of the access token is not active")
        sources, scopes = [held for grant_id in token.cds_opens_grant_ids if _alive(held := grants[grant_id], token, now)], None
        if not sources:
            raise InvalidToken("The Grant opened by the access token has ended")
    if not any(_has_data(held, scopes) for held in sources):
        raise InsufficientScope("The access token has no customer data scope")
    key = _encryption_key(sources)
    customer_data_opened(key)
    return _access(token, [held for held in sources if held.opens(now)], scopes, key)


def _encryption_key(sources: list[_Held]) -> dict[str, Any] | None:
    """The one key of the Grants; one without a key beside it is encrypted as well, since their objects share an answer (§7.4.6)."""
    keys = {held.row.encryption_key for held in sources} - {None}
    if len(keys) > 1:
        raise InsufficientScope("The access token opens Grants with different encryption keys; ask for a token for each of them")
    return exact_json.decode(keys.pop()) if keys else None


def _access(token: AccessToken, sources: list[_Held], scopes: frozenset[str] | None, key: dict[str, Any] | None) -> Access:
    rows = [
        row
        for held in sources
        if held.resolved()
        for row in held.entries
        if (scopes is None or row.scope in scopes) and is_customer_data(row.scope_type)
    ]
    return Access(
        environment=token.environment,
        client_id=token.client_id,
        registration_id=token.registration_id,
        token_id=token.jti,
        grant_ids=tuple(held.row.held_id for held in sources),
        entries=tuple(OpenEntry.of(slot, row) for slot, row in enumerate(rows)),
        encryption_key=key,
    )


def _alive(held: _Held, token: AccessToken, now: datetime) -> bool:
    return held.known and held.accepts(token) and not held.ended(now)


def _has_data(held: _Held, scopes: frozenset[str] | None) -> bool:
    pairs = zip(held.row.scopes, held.row.scope_types, strict=True)
    return any(is_customer_data(kind) and (scopes is None or scope in scopes) for scope, kind in pairs)
