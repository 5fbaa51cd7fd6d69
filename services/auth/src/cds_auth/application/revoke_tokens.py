"""Ends tokens before their time: one, a family, or all of a Credential (RFC 7009, CDS-WG1-02 §7.6)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.application.write_grant import write_grant
from cds_auth.domain.token import Caller, secret_hash
from cds_auth.persistence.codes import Families
from cds_auth.persistence.grants import Grants
from cds_common.events.grants import TokensRevokedV1
from cds_common.oauth_errors import InvalidRequest, InvalidToken, UnauthorizedClient
from cds_common.outbox import record_event
from cds_common.tokens import AccessToken, TokenVerifier


async def revoke_family(tx: AsyncSession, family_id: str, *, reason: str, rules: AuthRules, now: datetime) -> None:
    """End all tokens of one authorization. The Grant itself stays (the customer may authorize again, a Grant Admin may read)."""
    families = Families(tx)
    family = await families.find(family_id, lock=True)
    if family is None or family.revoked is not None:
        return
    await families.revoke(family_id, reason, now)
    await revoke_part(tx, [family.grant_id], family_id, client_id=family.client_id, reason=reason, rules=rules, now=now)


async def revoke_part(
    tx: AsyncSession, grant_ids: Sequence[str], part: str, *, client_id: str, reason: str, rules: AuthRules, now: datetime
) -> None:
    """Make all tokens of these Grants dead whose id has `part`; the data services learn it with the Grant."""
    until = now + rules.access_token_lifetime
    for grant_id in sorted(grant_ids):
        grant = await Grants(tx).get_for_update(grant_id)
        await write_grant(tx, grant.revoke_token_part(part, until, now))
    record_event(tx, TokensRevokedV1(occurred_at=now, client_id=client_id, token_ids=[part], reason=reason))


async def revoke_token(
    tx: AsyncSession, token: str | None, caller: Caller, *, verifier: TokenVerifier, rules: AuthRules, now: datetime
) -> None:
    """Revoke an access or refresh token of the caller; an unknown or dead one is no error (RFC 7009 §2.2).

    Raises:
        InvalidRequest: there is no token.
        UnauthorizedClient: it was issued to another Client (RFC 7009 §2.1).
    """
    if token is None:
        raise InvalidRequest("token is missing")
    refresh = await Families(tx).find_refresh(secret_hash(token))
    if refresh is not None:
        family = await Families(tx).find(refresh.family_id)
        if family is not None and family.client_id != caller.client_id:
            raise UnauthorizedClient("The token was issued to another client")
        await revoke_family(tx, refresh.family_id, reason="revoked_by_client", rules=rules, now=now)
        return
    try:
        claims: AccessToken = await verifier.verify(token)
    except InvalidToken:
        return
    if claims.client_id != caller.client_id:
        raise UnauthorizedClient("The token was issued to another client")
    serial = claims.jti.rsplit(".", 1)[-1]
    await revoke_part(tx, claims.cds_grant_ids, serial, client_id=caller.client_id, reason="revoked_by_client", rules=rules, now=now)
