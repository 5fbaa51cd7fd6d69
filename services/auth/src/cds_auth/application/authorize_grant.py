"""The customer said yes: the Grant is made or updated at once, not when the code is redeemed (CDS-WG1-02 §8.3, CDS-WG3-01 §9.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.new_grant import new_grant_id
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant, settled
from cds_auth.application.write_grant import add_grant
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.errors import SelectionNotAllowed
from cds_auth.domain.grant import Grant, GrantEntry, Origin, Selection
from cds_auth.domain.grant_status import GrantStatus
from cds_common.access.details import EffectiveEntry, grant_expires, to_grant
from cds_common.access.durations import parse_instant


@dataclass(frozen=True, slots=True)
class Approval:
    """What the customer approved of one scope: the details after edits (relative durations still relative) and the ticks."""

    scope: str
    details: Mapping[str, Any]
    selection: Selection | None


async def approve_consent(
    tx: AsyncSession,
    request: AuthorizationRequest,
    *,
    customer_id: UUID,
    approvals: Sequence[Approval],
    receipt_confirmation: str,
    approved_at: datetime,
    rules: AuthRules,
) -> Grant:
    """Make the Grant of `request`, or authorize the one that its `cds_grant_id` names. Call it once per decision.

    Durations become absolute from `approved_at`; preselection fields of consent scopes are left out (CDS-WG3-01 §6.1).

    Raises:
        SelectionNotAllowed: an approval for a scope that was not requested, none at all, or the named Grant does not wait for
            this customer any more.
        GrantNotFound: the named Grant is gone.
    """
    by_scope = {approval.scope: approval for approval in approvals}
    if not by_scope or len(by_scope) != len(approvals) or not set(by_scope) <= set(request.scope.split()):
        raise SelectionNotAllowed("The approval does not fit the request.")
    if request.cds_grant_id is not None:
        return await _authorize(
            tx,
            request,
            request.cds_grant_id,
            by_scope,
            customer_id=customer_id,
            confirmation=receipt_confirmation,
            at=approved_at,
            rules=rules,
        )
    approved = [replace(entry, details=dict(by_scope[entry.scope].details)) for entry in request.entries if entry.scope in by_scope]
    entries, ends = granted_entries(approved, by_scope, approved_at, rules)
    grant = Grant(
        grant_id=new_grant_id(),
        client_id=request.client_id,
        registration_id=request.registration_id,
        environment=request.environment,
        origin=Origin.AUTHORIZATION,
        entries=entries,
        created=approved_at,
        modified=approved_at,
        customer_ids=(customer_id,),
        states=_states((), request.state),
        receipt_confirmations=(receipt_confirmation,),
        not_after=ends,
        expires=ends,
        eta=approved_at + rules.grant_eta,
    )
    fresh = replace(await settled(tx, grant, rules=rules, now=approved_at), version=1, modified=approved_at)
    await add_grant(tx, fresh)
    return fresh


def granted_entries(
    approved: Sequence[EffectiveEntry], by_scope: Mapping[str, Approval], at: datetime, rules: AuthRules
) -> tuple[tuple[GrantEntry, ...], datetime | None]:
    """Entries of a Grant from approved ones, and when the Grant ends by its `expires` fields."""
    details = to_grant(approved, at, rules.tz)
    entries = tuple(GrantEntry(d.entry_no, d.scope, d.scope_type, d.details, by_scope[d.scope].selection) for d in details)
    return entries, grant_expires(details)


async def _authorize(
    tx: AsyncSession,
    request: AuthorizationRequest,
    grant_id: str,
    by_scope: Mapping[str, Approval],
    *,
    customer_id: UUID,
    confirmation: str,
    at: datetime,
    rules: AuthRules,
) -> Grant:
    def authorize(grant: Grant) -> Grant:
        meant = not grant.customer_ids or customer_id in grant.customer_ids
        if grant.client_id != request.client_id or grant.status is not GrantStatus.NEEDS_AUTHORIZATION or not meant:
            raise SelectionNotAllowed("The Grant does not wait for this customer.")
        if not {entry.scope for entry in grant.asked if not entry.authorized} <= set(by_scope):
            raise SelectionNotAllowed("The approval does not cover the Grant.")
        entries = tuple(_authorized(entry, by_scope, grant.origin) for entry in grant.entries)
        named = grant if grant.customer_ids else replace(grant, customer_ids=(customer_id,))
        changed = named.with_entries(entries, at)
        return replace(
            changed,
            states=_states(changed.states, request.state),
            receipt_confirmations=(*changed.receipt_confirmations, confirmation),
            not_after=_ends(entries, changed),
            expires=_ends(entries, changed),
        )

    return await change_grant(tx, grant_id, authorize, rules=rules, now=at)


def _authorized(entry: GrantEntry, by_scope: Mapping[str, Approval], origin: Origin) -> GrantEntry:
    """The asked form becomes the agreed one. What a sub-Grant is about was fixed by the server and is not the form's to change."""
    if entry.authorized or entry.superseded:
        return entry
    selection = entry.selection if origin is Origin.SUB_GRANT else by_scope[entry.scope].selection
    return replace(entry, authorized=True, selection=selection)


def _ends(entries: tuple[GrantEntry, ...], grant: Grant) -> datetime | None:
    values = [(entry.details or {}).get("expires") for entry in entries if not entry.superseded]
    moments = [parse_instant(value) for value in values if isinstance(value, str) and value != "infinite"]
    return min(moments, default=grant.not_after)


def _states(known: tuple[str, ...], state: str | None) -> tuple[str, ...]:
    return known if state is None or state in known else (*known, state)
