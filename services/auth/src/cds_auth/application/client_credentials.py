"""Tokens without a customer (RFC 6749 §4.4): Client Admin, Grant Admin and direct access, each behind a Grant of its own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.direct_preselections import Preselections, check_preselections
from cds_auth.application.new_grant import direct_grant, fingerprint, request_fingerprint, simple_grant
from cds_auth.application.parameters import parse_authorization_details
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import settled
from cds_auth.application.write_grant import add_grant
from cds_auth.domain.grant import Grant, Origin
from cds_auth.persistence.grants import Grants
from cds_common.access.catalogue import is_direct
from cds_common.access.details import ClientLimits, EffectiveEntry, RequestedAccess, to_grant, validate_request
from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.access.grant_admin import GrantToOpen, check_grant_admin
from cds_common.access.offers import OfferedScope
from cds_common.events.clients import ClientPublishedV1, DirectPermission
from cds_common.oauth_errors import InvalidScope, UnauthorizedClient

CLIENT_ADMIN = "cds_client_admin"
GRANT_ADMIN = "cds_grant_admin"


class GrantOfRequest:
    """The Grant behind a client_credentials request; `made` when this request made it, `opens` for a Grant Admin token."""

    __slots__ = ("grant", "made", "opens")

    def __init__(self, grant: Grant, *, made: bool, opens: str | None = None) -> None:
        self.grant, self.made, self.opens = grant, made, opens


async def grant_for_client(
    tx: AsyncSession,
    client: ClientPublishedV1,
    scope: str | None,
    details_text: str | None,
    *,
    rules: AuthRules,
    preselections: Preselections,
    now: datetime,
) -> GrantOfRequest:
    """Find the living Grant of an identical request, or make it.

    Raises:
        AccessRefused: scope or details are not possible for this Client.
        InvalidScope: scopes that cannot share a token.
        UnauthorizedClient: the Grant is suspended.
        TransientError: what the request names can not be looked up.
    """
    if details_text is None and scope is None and len(client.scope.split()) == 1:
        scope = client.scope
    if details_text is None and scope == CLIENT_ADMIN and CLIENT_ADMIN in client.scope.split():
        return await _client_admin(tx, client, now)
    asked = RequestedAccess(scope, parse_authorization_details(details_text), "client_credentials")
    entries = validate_request(asked, limits=ClientLimits.of(client), offered=rules.offered, now=now, tz=rules.tz)
    types = {entry.scope_type for entry in entries}
    if types == {CLIENT_ADMIN}:
        return await _client_admin(tx, client, now)
    if types == {GRANT_ADMIN}:
        return await _grant_admin(tx, client, entries, rules=rules, now=now)
    if not all(is_direct(scope_type) for scope_type in types):
        raise InvalidScope("These scopes can not be requested together")
    return await _direct(tx, client, entries, rules=rules, preselections=preselections, now=now)


async def _client_admin(tx: AsyncSession, client: ClientPublishedV1, now: datetime) -> GrantOfRequest:
    request_hash = fingerprint([client.environment, CLIENT_ADMIN])
    found = await Grants(tx).find_by_request(client.client_id, request_hash)
    if found is not None:
        return _reused(found)
    grant = simple_grant(client, CLIENT_ADMIN, None, request_hash=request_hash, origin=Origin.CLIENT_CREDENTIALS, now=now)
    return await _made(tx, grant)


async def _grant_admin(
    tx: AsyncSession, client: ClientPublishedV1, entries: list[EffectiveEntry], *, rules: AuthRules, now: datetime
) -> GrantOfRequest:
    if len(entries) != 1:
        raise InvalidAuthorizationDetails("exactly one object names the Grant to open")
    entry = entries[0]
    grant_id, client_id = str(entry.details["grant_id"]), str(entry.details["client_id"])
    target = await Grants(tx).find(grant_id)
    named = None if target is None else _to_open(target)
    check_grant_admin(named, scope=entry.scope, client_id=client_id, registration_id=client.registration_id, offered=rules.offered)
    # One Grant Admin object serves the sandbox and the production Clients of its registration; what it opens says which of them this is.
    environment = target.environment if target is not None else client.environment
    request_hash = fingerprint([environment, entry.scope, client_id, grant_id])
    found = await Grants(tx).find_by_request(client.client_id, request_hash)
    if found is not None:
        return _reused(found, opens=grant_id)
    details = {"client_id": client_id, "grant_id": grant_id}
    grant = simple_grant(client, entry.scope, details, request_hash=request_hash, origin=Origin.CLIENT_CREDENTIALS, now=now)
    return await _made(tx, replace(grant, environment=environment), opens=grant_id)


def _to_open(target: Grant) -> GrantToOpen:
    return GrantToOpen(target.grant_id, target.client_id, target.registration_id, target.status.value, target.enabled_scope)


async def _direct(
    tx: AsyncSession,
    client: ClientPublishedV1,
    entries: list[EffectiveEntry],
    *,
    rules: AuthRules,
    preselections: Preselections,
    now: datetime,
) -> GrantOfRequest:
    _check_aggregations(client, entries, rules.offered)
    request_hash = request_fingerprint(client, entries)
    found = await Grants(tx).find_by_request(client.client_id, request_hash)
    if found is not None:
        return _reused(found)
    details = to_grant(entries, now, rules.tz)
    await check_preselections(client, details, preselections)
    permission = client.direct_permission or DirectPermission()
    grant = direct_grant(client, details, permission=permission, request_hash=request_hash, origin=Origin.CLIENT_CREDENTIALS, now=now)
    return await _made(tx, await settled(tx, grant, rules=rules, now=now))


def _check_aggregations(client: ClientPublishedV1, entries: list[EffectiveEntry], offered: Mapping[str, OfferedScope]) -> None:
    """A Client that may see Aggregations only must name them, and so must a scope that is for sums (CDS-WG3-01 §4.11, §4.12)."""
    permission = client.direct_permission
    sums_only = permission is not None and permission.sees_aggregations and not permission.sees_accounts
    for index, entry in enumerate(entries):
        field = offered[entry.scope].fields.get("aggregation_numbers")
        demanded = sums_only or (field is not None and field.is_required)
        if entry.scope_type == "cds_query_usage" and demanded and not entry.details.get("aggregation_numbers"):
            raise InvalidAuthorizationDetails("aggregation_numbers is required for this Client", f"/{index}/aggregation_numbers")


async def _made(tx: AsyncSession, grant: Grant, *, opens: str | None = None) -> GrantOfRequest:
    if await add_grant(tx, grant):
        return GrantOfRequest(grant, made=True, opens=opens)
    found = await Grants(tx).find_by_request(grant.client_id, grant.request_hash or b"")
    if found is None:  # it ended between the two statements; the next request makes a new one
        raise UnauthorizedClient("The Grant has just ended")
    return _reused(found, opens=opens)


def _reused(grant: Grant, *, opens: str | None = None) -> GrantOfRequest:
    if not grant.is_open:
        raise UnauthorizedClient("The Grant of this request gives no access now")
    return GrantOfRequest(grant, made=False, opens=opens)
