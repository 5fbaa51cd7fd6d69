"""Grants that the utility makes by itself: approved requests of a Client, shared files (CDS-WG1-02 §3.3.3, §6.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.new_grant import direct_grant
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant, settled
from cds_auth.application.write_grant import add_grant
from cds_auth.domain.errors import ClientUnknown, InvalidServerGrant
from cds_auth.domain.grant import Grant, Origin
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grants import Grants
from cds_common.access.catalogue import PRESELECTION_FIELDS, is_consent, is_direct
from cds_common.access.details import ClientLimits, GrantDetails, RequestedAccess, to_grant, validate_request
from cds_common.events.clients import ClientPublishedV1, DirectPermission

FILES = "cds_server_provided_files"


async def make_server_grant(
    tx: AsyncSession,
    *,
    client_id: str,
    scope: str,
    authorization_details: Sequence[Any],
    rules: AuthRules,
    clients: ClientDirectory,
    now: datetime,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    requested_by: str | None = None,
) -> Grant:
    """Make a Grant without a customer and without a token request.

    A repeated call with the same `requested_by` gives the Grant of the first one, whatever has become of it: registry asks
    again when it did not hear the answer. Without it every call makes a new one.

    Raises:
        ClientUnknown: no such Client.
        AccessRefused: scope or details are not possible for it.
        InvalidServerGrant: consent scopes (a customer has to be asked), direct access without any limit, a disabled Client,
            or times that do not fit.
    """
    client = await clients.find(tx, client_id)
    if client is None:
        raise ClientUnknown("There is no such Client.")
    made = await Grants(tx).find_requested_by(client_id, requested_by) if requested_by else None
    if made is not None:
        return made
    if client.status == "disabled":
        raise InvalidServerGrant("The Client is disabled.")
    if not_after is not None and not_after <= max(now, not_before or now):
        raise InvalidServerGrant("The Grant would have ended before it begins.")
    details = _details(client, scope, authorization_details, rules, now)
    grant = direct_grant(client, details, permission=_permission(client, details), request_hash=None, origin=Origin.SERVER, now=now)
    ends = min((moment for moment in (grant.not_after, not_after) if moment is not None), default=None)
    later = not_before is not None and not_before > now
    times: dict[str, Any] = {"not_before": not_before if later else None, "starts_later": later, "not_after": ends, "expires": ends}
    grant = replace(grant, requested_by=requested_by or None, **times)
    grant = replace(await settled(tx, grant, rules=rules, now=now), version=1)
    if not await add_grant(tx, grant):  # the same call arrived twice at once; the other one has just committed
        return await Grants(tx).find_requested_by(client_id, str(requested_by)) or grant
    return grant


async def close_file(tx: AsyncSession, *, client_id: str, file_id: str, rules: AuthRules, now: datetime) -> list[str]:
    """The utility shares a file no longer: no Grant of the Client keeps it, and one that opened nothing else ends. Safe to repeat."""

    def without(grant: Grant) -> Grant:
        kept = tuple(entry for entry in grant.entries if (entry.details or {}).get("file_id") != file_id)
        if grant.is_ended or kept == grant.entries:
            return grant
        return grant.with_entries(kept, now) if kept else grant.end(GrantStatus.DISABLED, now)

    grant_ids = await Grants(tx).living_ids_with_file(client_id, file_id)
    for grant_id in grant_ids:
        await change_grant(tx, grant_id, without, rules=rules, now=now)
    return grant_ids


def _details(
    client: ClientPublishedV1, scope: str, authorization_details: Sequence[Any], rules: AuthRules, now: datetime
) -> list[GrantDetails]:
    """One entry per scope; of shared files one per file, since their scope may come with several objects (CDS-WG1-02 §3.3.3)."""
    limits = ClientLimits.of(client)
    if rules.scope_type(scope) == FILES:
        requests = [RequestedAccess(scope, [one], "server") for one in authorization_details] or [RequestedAccess(scope, None, "server")]
    else:
        requests = [RequestedAccess(scope, list(authorization_details) or None, "server")]
    entries = [
        entry for request in requests for entry in validate_request(request, limits=limits, offered=rules.offered, now=now, tz=rules.tz)
    ]
    if any(is_consent(entry.scope_type) for entry in entries):
        raise InvalidServerGrant("A customer has to authorize consent scopes.")
    numbered = [replace(entry, entry_no=number) for number, entry in enumerate(entries)]
    return to_grant(numbered, now, rules.tz)


def _permission(client: ClientPublishedV1, details: Sequence[GrantDetails]) -> DirectPermission | None:
    """The utility approved exactly what the details name, also beyond the Client's own permission; without names that permission holds."""
    direct = [each for each in details if is_direct(each.scope_type)]
    if not direct:
        return None
    if all(_is_narrowed(each.details) for each in direct):
        return DirectPermission(everything=True)
    if client.direct_permission is None:
        raise InvalidServerGrant("Direct access needs at least one preselection, or a permission of the Client.")
    return client.direct_permission


def _is_narrowed(details: Mapping[str, Any]) -> bool:
    return any(details.get(name) is not None for name in PRESELECTION_FIELDS)
