"""Refresh tokens: hashed, exchanged at every use; one that comes back ends its family (RFC 9700 §4.14.2)."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.domain.grant import Grant
from cds_auth.domain.token import Caller, RefreshToken, TokenFamily, new_secret, secret_hash
from cds_auth.persistence.codes import Families
from cds_auth.persistence.grants import Grants
from cds_common.access.details import parse_scope
from cds_common.oauth_errors import InvalidGrant, InvalidRequest, InvalidScope


class RefreshReplayed(Exception):
    """The refresh token was exchanged before."""

    def __init__(self, family_id: str) -> None:
        super().__init__("refresh token replayed")
        self.family_id = family_id


async def new_refresh_token(tx: AsyncSession, family: TokenFamily, caller: Caller, grant: Grant, *, rules: AuthRules, now: datetime) -> str:
    """A refresh token of `family`; it outlives neither the Grant nor, however often it is exchanged, the absolute lifetime."""
    token = new_secret()
    expires = min(now + rules.refresh_token_lifetime, family.created + rules.refresh_token_absolute_lifetime)
    if grant.not_after is not None:
        expires = min(expires, grant.not_after)
    await Families(tx).add_refresh(RefreshToken(secret_hash(token), family.family_id, caller.tag, expires, None), now)
    return token


async def rotate(
    tx: AsyncSession, client_id: str, form: Mapping[str, str], *, now: datetime
) -> tuple[Grant, TokenFamily, frozenset[str] | None]:
    """Use up the refresh token of `form`; gives its Grant and family, and the scopes that are asked for, None for all (RFC 6749 §6).

    Only the access token becomes narrower: the next refresh token stands for the whole Grant again.

    Raises:
        InvalidRequest: there is no token.
        InvalidScope: `scope` goes beyond the Grant, or nothing of it is authorized.
        InvalidGrant: the token is unknown, over, another Client's, or its Grant gives no access.
        RefreshReplayed: it was used before.
    """
    token = form.get("refresh_token")
    if token is None:
        raise InvalidRequest("refresh_token is missing")
    families = Families(tx)
    found = await families.find_refresh(secret_hash(token), lock=True)
    family = None if found is None else await families.find(found.family_id, lock=True)
    if found is None or family is None or family.client_id != client_id or family.revoked is not None or found.expires <= now:
        raise InvalidGrant("The refresh token is not valid")
    if found.used is not None:
        raise RefreshReplayed(family.family_id)
    grant = await Grants(tx).get(family.grant_id)
    if not grant.is_open:
        raise InvalidGrant("The Grant gives no access any more")
    asked = frozenset(parse_scope(form["scope"])) if "scope" in form else None
    if asked is not None and not asked <= set(grant.scope.split()):
        raise InvalidScope("The scope goes beyond the Grant")
    if asked is not None and asked.isdisjoint(entry.scope for entry in grant.granted):
        raise InvalidScope("Nothing of the scope is authorized")
    await families.mark_used(found.token_hash, now)
    return grant, family, asked
