"""What an operator of the utility does to Grants; every act is recorded in the transaction that does it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.domain.errors import OperatorChangeRefused
from cds_auth.domain.grant import Grant, Origin
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.operators import Operator, Operators


class Act(StrEnum):
    """Names of the acts, in addresses and in the record."""

    DISABLE = "disable"
    SUSPEND = "suspend"
    RESUME = "resume"
    DELAYED = "delayed"
    STOPPED = "stopped"
    ERRORED = "errored"
    CLEAR = "clear"
    RECORD_CONSENT = "record-consent"
    WITHHOLD = "withhold"
    SUPERSEDE = "supersede"


@dataclass(frozen=True, slots=True)
class OperatorOrder:
    """An act with its reason; `scopes` of `withhold`: those that stay closed, none opens all again."""

    act: Act
    note: str
    scopes: frozenset[str] = frozenset()
    by: str | None = None
    """Of `supersede`: the Grant that takes the place of this one."""


async def act_on_grant(
    tx: AsyncSession, operator: Operator, grant_id: str, order: OperatorOrder, *, rules: AuthRules, now: datetime
) -> Grant:
    """Do it and record it.

    Raises:
        GrantNotFound: there is no such Grant.
        GrantAlreadyEnded: it takes no change any more.
        OperatorChangeRefused: the act does not fit its state.
    """
    if order.act is Act.SUPERSEDE:
        await _link_successor(tx, grant_id, order, rules=rules, now=now)
    grant = await change_grant(tx, grant_id, lambda locked: _apply(locked, order, now), rules=rules, now=now)
    await Operators(tx).record(operator.name, f"grant.{order.act.value}", grant_id, order.note, now)
    return grant


def _apply(grant: Grant, order: OperatorOrder, now: datetime) -> Grant:
    match order.act:
        case Act.DISABLE:
            return grant.end(GrantStatus.DISABLED, now)
        case Act.SUSPEND:
            return grant.suspend("operator", now)
        case Act.RESUME:
            return grant.resume("operator", now)
        case Act.CLEAR:
            return grant.say(None, now)
        case Act.RECORD_CONSENT:
            return _consented(grant, now)
        case Act.WITHHOLD:
            return _withheld(grant, order.scopes, now)
        case Act.SUPERSEDE:
            return replace(grant.end(GrantStatus.DISABLED, now), replaced_by=(*grant.replaced_by, str(order.by)))
        case _:
            return grant.say(GrantStatus(order.act.value), now)


async def _link_successor(tx: AsyncSession, grant_id: str, order: OperatorOrder, *, rules: AuthRules, now: datetime) -> None:
    """The new Grant names the old one (CDS-WG1-02 §8.1); both must be the same Client's."""
    old = await Grants(tx).get(grant_id)

    def link(grant: Grant) -> Grant:
        if grant.client_id != old.client_id or grant.environment != old.environment or grant.is_ended:
            raise OperatorChangeRefused("That Grant can not take the place of this one.")
        return replace(grant, replacing=(*grant.replacing, grant_id)).changed(now)

    if order.by is None or order.by == grant_id:
        raise OperatorChangeRefused("Another Grant has to be named.")
    await change_grant(tx, order.by, link, rules=rules, now=now)


def _consented(grant: Grant, now: datetime) -> Grant:
    """The customer consented on paper (CDS-WG3-01 §4.11): only for sub-Grants, whose content nobody had to choose."""
    if grant.origin is not Origin.SUB_GRANT or grant.status is not GrantStatus.NEEDS_AUTHORIZATION:
        raise OperatorChangeRefused("Only a sub-Grant that waits for its customer can be settled by paper.")
    return grant.with_entries(tuple(replace(entry, authorized=True) for entry in grant.entries), now)


def _withheld(grant: Grant, scopes: frozenset[str], now: datetime) -> Grant:
    if not scopes <= {entry.scope for entry in grant.entries}:
        raise OperatorChangeRefused("The Grant has no such scope.")
    return grant.withhold(scopes, now)
