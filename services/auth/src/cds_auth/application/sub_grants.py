"""One sub-Grant per consent that an aggregation needs (CDS-WG3-01 §4.11, §6.1.10)."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.new_grant import new_grant_id
from cds_auth.application.rules import AuthRules
from cds_auth.application.write_grant import add_grant, write_grant
from cds_auth.domain.grant import Grant, GrantEntry, Origin, Selection
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.clients import Clients
from cds_auth.persistence.grants import Grants
from cds_common.access.details import ClientLimits, RequestedAccess, grant_expires, to_grant, validate_request
from cds_common.access.errors import AccessRefused
from cds_common.events.clients import ClientPublishedV1
from cds_common.events.grants import NeededConsent

log = structlog.get_logger(__name__)

CONSENT = "cds_aggregation_consent"
Need = tuple[UUID, UUID]
"""Customer and Aggregation."""


async def match_sub_grants(tx: AsyncSession, parent: Grant, needed: list[NeededConsent], *, rules: AuthRules, now: datetime) -> bool:
    """Make the sub-Grants that are missing, disable open ones that nobody needs any more; True when all needed ones are active.

    The parent's row must be locked. While the registration has no Client with a consent scope in this environment nobody can
    be asked, and the parent has no children; `apply_client` looks again when there is one.
    """
    children = await Grants(tx).children(parent.grant_id)
    wanted = {(need.customer_id, need.aggregation_id): need for need in needed}
    await _drop_unneeded(tx, children, wanted, now)
    missing = [need for key, need in wanted.items() if not any(_key(child) == key and not child.is_ended for child in children)]
    if missing:
        found = await Clients(tx).find_with_scope_type(parent.registration_id, parent.environment, CONSENT)
        if found is None:
            log.warning("no_client_to_ask_consents", grant_id=parent.grant_id)
            return False
        for need in missing:
            child = _sub_grant(parent, need, *found, rules=rules, now=now)
            if child is None:
                return False
            await add_grant(tx, child)
        return False
    return all(any(_key(child) == key and child.status is GrantStatus.ACTIVE for child in children) for key in wanted)


def _key(child: Grant) -> Need | None:
    selection = child.asked[0].selection if child.asked else None
    return (child.customer_ids[0], selection.ids[0]) if selection and child.customer_ids and selection.ids else None


async def _drop_unneeded(tx: AsyncSession, children: list[Grant], wanted: Mapping[Need, NeededConsent], now: datetime) -> None:
    for child in children:
        if child.status is GrantStatus.NEEDS_AUTHORIZATION and _key(child) not in wanted:
            locked = await Grants(tx).get_for_update(child.grant_id)
            if locked.status is GrantStatus.NEEDS_AUTHORIZATION:
                await write_grant(tx, locked.end(GrantStatus.DISABLED, now))


def _sub_grant(
    parent: Grant, need: NeededConsent, client: ClientPublishedV1, scope: str, *, rules: AuthRules, now: datetime
) -> Grant | None:
    asked = {"type": scope, "aggregation_numbers": [need.aggregation_number], "premise_numbers": need.premise_numbers}
    request = RequestedAccess(scope=scope, details=[asked], flow="authorization_code")
    try:
        entries = validate_request(request, limits=ClientLimits.of(client), offered=rules.offered, now=now, tz=rules.tz)
    except AccessRefused as refused:
        log.warning("consent_scope_refused", grant_id=parent.grant_id, client_id=client.client_id, reason=str(refused))
        return None
    details = to_grant(entries, now, rules.tz)
    ends = grant_expires(details)
    selection = Selection("aggregation", (need.aggregation_id,))
    return Grant(
        grant_id=new_grant_id(),
        client_id=client.client_id,
        registration_id=parent.registration_id,
        environment=parent.environment,
        origin=Origin.SUB_GRANT,
        entries=tuple(GrantEntry(d.entry_no, d.scope, d.scope_type, d.details, selection, authorized=False) for d in details),
        created=now,
        modified=now,
        customer_ids=(need.customer_id,),
        parent=parent.grant_id,
        not_after=ends,
        expires=ends,
    )
