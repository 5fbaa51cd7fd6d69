"""No token is trusted alone: the Grants behind it must be open now (design §3, revocation)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.access.status import opens
from cds_common.events.grants import GrantPublishedV1
from cds_common.oauth_errors import InsufficientScope, InvalidToken
from cds_common.tokens import AccessToken
from cds_registry.adapters.auth import AuthService
from cds_registry.persistence.grants import concerns_registry, find_grants, ids_of_client, keep_grant, to_copy
from cds_registry.persistence.tables import GrantCopyRow


async def check_grants(
    session: AsyncSession, token: AccessToken, *, auth: AuthService, staleness_limit: timedelta, now: datetime
) -> dict[str, GrantCopyRow]:
    """The Grants of the token, all open; unknown ones are read through, and when the bus is silent all are asked for at auth.

    Raises:
        InvalidToken: a Grant has ended, never existed, or the token was revoked.
        InsufficientScope: a Grant lives and opens nothing here.
        TransientError: auth would have to be asked and is not reachable.
    """
    wanted = list(dict.fromkeys((*token.cds_grant_ids, *token.cds_opens_grant_ids)))
    if not wanted:
        raise InvalidToken("The access token belongs to no Grant")
    held = await find_grants(session, wanted)
    stale = held.as_of is None or held.as_of < now - staleness_limit
    missing = wanted if stale else [grant_id for grant_id in wanted if grant_id not in held.rows]
    rows = held.rows | await _read_through(session, missing, auth)
    for grant_id in wanted:
        _check(rows[grant_id], token, now)
    return {grant_id: rows[grant_id] for grant_id in wanted}


async def renew_copies(session: AsyncSession, client_id: str, auth: AuthService) -> None:
    """Read the Grants of a Client through, so that what auth has just revoked counts here before the event is there (CDS-WG1-02 §7.6).

    Raises:
        TransientError: auth is not reachable.
    """
    for grant_id in await ids_of_client(session, client_id):
        if (grant := await auth.find_grant(grant_id)) is not None:
            await keep_grant(session, grant)


async def _read_through(session: AsyncSession, grant_ids: Sequence[str], auth: AuthService) -> dict[str, GrantCopyRow]:
    found: dict[str, GrantCopyRow] = {}
    for grant_id in grant_ids:
        grant: GrantPublishedV1 | None = await auth.find_grant(grant_id)
        if grant is None:
            raise InvalidToken("The Grant of the access token is not known")
        if not concerns_registry(grant):
            raise InsufficientScope("The Grant of the access token opens nothing here")
        await keep_grant(session, grant)
        found[grant_id] = to_copy(grant)
    return found


def _check(grant: GrantCopyRow, token: AccessToken, now: datetime) -> None:
    if grant.registration_id != token.registration_id:
        raise InvalidToken("The access token does not fit its Grant")
    if not opens(grant.status, grant.not_before, grant.not_after, now):  # pyright: ignore[reportArgumentType]  # stored as text
        raise InvalidToken("The Grant of the access token has ended")
    if set(token.jti.split(".")) & set(grant.revoked_token_parts):
        raise InvalidToken("The access token was revoked")
    if grant.tokens_not_before is not None and token.iat < grant.tokens_not_before.timestamp():
        raise InvalidToken("The access token was revoked")
