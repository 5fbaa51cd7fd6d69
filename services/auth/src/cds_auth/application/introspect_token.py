"""Says whether a token works right now (RFC 7662)."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.client_directory import ClientDirectory
from cds_auth.domain.grant import Grant, details_of, scope_of
from cds_auth.domain.token import secret_hash
from cds_auth.persistence.codes import Families
from cds_auth.persistence.grants import Grants
from cds_common.events.clients import ClientPublishedV1
from cds_common.oauth_errors import InvalidRequest, InvalidToken
from cds_common.tokens import AccessToken, TokenVerifier

_INACTIVE: dict[str, Any] = {"active": False}


async def introspect_token(
    tx: AsyncSession,
    token: str | None,
    asking: ClientPublishedV1,
    *,
    verifier: TokenVerifier,
    clients: ClientDirectory,
    issuer: str,
    now: datetime,
) -> dict[str, Any]:
    """The introspection answer. Tokens of other registrations are as unknown to the asking Client as garbage.

    Raises:
        InvalidRequest: no token was sent (RFC 7662 §2.1).
    """
    if token is None:
        raise InvalidRequest("token is missing")
    refresh = await _refresh_token(tx, token, asking, now)
    if refresh is not None:
        return refresh
    try:
        claims = await verifier.verify(token)
    except InvalidToken:
        return _INACTIVE
    grants = await living_grants(tx, claims, now)
    client = await clients.find(tx, claims.client_id)
    if grants is None or client is None or client.status == "disabled" or claims.registration_id != asking.registration_id:
        return _INACTIVE
    return {
        "active": True,
        "scope": claims.scope,
        "client_id": claims.client_id,
        "token_type": "Bearer",
        "exp": claims.exp,
        "iat": claims.iat,
        "sub": claims.sub,
        "aud": issuer,
        "iss": issuer,
        "jti": claims.jti,
        "authorization_details": details_of(tuple(entry for entry in grants[0].granted if entry.scope in claims.scopes)),
        "cds_grant_ids": list(claims.cds_grant_ids),
    }


async def living_grants(tx: AsyncSession, claims: AccessToken, now: datetime) -> list[Grant] | None:
    """The Grants of a token in their order, None when one of them gives no access or the token was revoked."""
    wanted = [*claims.cds_grant_ids, *claims.cds_opens_grant_ids]
    found = {grant.grant_id: grant for grant in await Grants(tx).list_by_ids(wanted)}
    grants = [found[grant_id] for grant_id in wanted if grant_id in found]
    alive = all(grant.is_open and not grant.is_dead(claims.jti, claims.iat, now) for grant in grants)
    return grants if grants and alive and len(grants) == len(wanted) else None


async def _refresh_token(tx: AsyncSession, token: str, asking: ClientPublishedV1, now: datetime) -> dict[str, Any] | None:
    families = Families(tx)
    found = await families.find_refresh(secret_hash(token))
    if found is None:
        return None
    family = await families.find(found.family_id)
    grant = None if family is None else await Grants(tx).find(family.grant_id)
    if family is None or grant is None or grant.registration_id != asking.registration_id:
        return _INACTIVE
    if family.revoked is not None or found.used is not None or found.expires <= now or not grant.is_open:
        return _INACTIVE
    return {
        "active": True,
        "scope": scope_of(grant.granted),
        "client_id": family.client_id,
        "token_type": "refresh_token",
        "exp": int(found.expires.timestamp()),
        "sub": family.subject,
        "authorization_details": details_of(grant.granted),
        "cds_grant_ids": [grant.grant_id],
    }
