"""A Client changes its Grant by PATCH (CDS-WG1-02 §8.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.domain.errors import InvalidGrantChange
from cds_auth.domain.grant import Grant, Origin
from cds_auth.domain.grant_change import Wanted, change_entries
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grants import Grants
from cds_common.access.catalogue import is_customer_data
from cds_common.access.details import (
    ClientLimits,
    Flow,
    GrantDetails,
    RequestedAccess,
    parse_details,
    parse_scope,
    to_grant,
    validate_request,
)
from cds_common.errors import FieldFault
from cds_common.events.clients import ClientPublishedV1

_FLOWS: Mapping[Origin, Flow] = {
    Origin.AUTHORIZATION: "authorization_code",
    Origin.CLIENT_CREDENTIALS: "client_credentials",
    Origin.SERVER: "server",
}


@dataclass(frozen=True, slots=True)
class GrantChange:
    """The members that were sent."""

    members: Mapping[str, Any]

    @property
    def closes(self) -> bool:
        """Whether the Grant is to be closed."""
        return "status" in self.members

    @property
    def redraws(self) -> bool:
        """Whether scope or details are to be changed."""
        return "scope" in self.members or "authorization_details" in self.members


async def modify_grant(
    tx: AsyncSession,
    registration_id: str,
    grant_id: str,
    change: GrantChange,
    *,
    rules: AuthRules,
    clients: ClientDirectory,
    now: datetime,
) -> Grant:
    """Change a Grant of the registration; without a known member it stays as it is.

    Raises:
        GrantNotFound: there is none in this registration.
        GrantAlreadyEnded: it takes no change any more (closing a closed one again is no change).
        InvalidGrantChange, AccessRefused: a value cannot be set; nothing is changed.
    """
    grant = await Grants(tx).get_for_update(grant_id, registration_id=registration_id)
    if change.closes and change.members["status"] != GrantStatus.CLOSED.value:
        raise InvalidGrantChange("status can only be set to closed.", faults=(FieldFault("/status", "only closed is accepted"),))
    client = await clients.find(tx, grant.client_id)
    wanted = _wanted(grant, change.members, client, rules, now) if change.redraws else None

    def apply(locked: Grant) -> Grant:
        if change.closes:
            return locked if locked.ended_as is GrantStatus.CLOSED else locked.end(GrantStatus.CLOSED, now)
        if wanted is None:
            return locked
        if locked.is_ended:
            return locked.end(GrantStatus.CLOSED, now)  # raises: an ended Grant takes no change
        changed = change_entries(locked, wanted, needs_customer=locked.origin is Origin.AUTHORIZATION, at=now)
        # What it is now, no token request asked for: an identical later request gets a Grant of its own.
        return changed if changed is locked else replace(changed, request_hash=None)

    return await change_grant(tx, grant_id, apply, rules=rules, now=now, registration_id=registration_id)


def _wanted(
    grant: Grant, members: Mapping[str, Any], client: ClientPublishedV1 | None, rules: AuthRules, now: datetime
) -> list[Wanted] | None:
    """The scopes as the Client wants them. A field that its object leaves out keeps the value it has in the Grant.

    With both members the scopes are those of either; with `authorization_details` alone they are its types, so that leaving
    out an object takes its scope away.
    """
    scope, details = members.get("scope"), members.get("authorization_details")
    if "scope" in members and not isinstance(scope, str):
        raise InvalidGrantChange("scope must be a string.", faults=(FieldFault("/scope", "must be a string"),))
    if (members.get("scope", grant.scope), members.get("authorization_details", grant.authorization_details)) == (
        grant.scope,
        grant.authorization_details,
    ):
        return None
    changeable = grant.origin in _FLOWS and all(is_customer_data(entry.scope_type) for entry in grant.asked)
    if client is None or not changeable:
        raise InvalidGrantChange("Scope and authorization details of this Grant can not be changed.")
    sent = {} if "authorization_details" not in members else {kind: entry for kind, (_, entry) in parse_details(details).items()}
    scopes = list(dict.fromkeys([*(parse_scope(scope) if isinstance(scope, str) else ()), *sent]))
    present = {entry.scope: dict(entry.details or {}) for entry in grant.asked}
    changed = {
        each: {n: v for n, v in sent.get(each, {}).items() if n == "type" or present.get(each, {}).get(n, _NOTHING) != v} for each in scopes
    }
    for each in scopes:
        if each in rules.offered and rules.offered[each].starts_at_last_bill:
            changed[each].pop("statement_date_start", None)
    asked = RequestedAccess(" ".join(scopes), [changed[each] for each in scopes if each in sent], _FLOWS[grant.origin])
    entries = validate_request(asked, limits=ClientLimits.of(client), offered=rules.offered, now=now, tz=rules.tz)
    return [_merged(fresh, present.get(fresh.scope), changed[fresh.scope]) for fresh in to_grant(entries, now, rules.tz)]


_NOTHING = object()


def _merged(fresh: GrantDetails, present: Mapping[str, Any] | None, changed: Mapping[str, Any]) -> Wanted:
    if present is None:
        return Wanted(fresh.scope, fresh.scope_type, fresh.details)
    news = {name: value for name, value in fresh.details.items() if name in changed or name not in present}
    return Wanted(fresh.scope, fresh.scope_type, {**present, **news})
