"""Redeems an authorization code: once, by its Client, with the right verifier (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.grant import Grant
from cds_auth.domain.token import TokenFamily, secret_hash
from cds_auth.persistence.codes import Codes, Families
from cds_auth.persistence.grants import Grants
from cds_common.oauth_errors import InvalidGrant, InvalidRequest


class CodeReplayed(Exception):
    """The code was redeemed before; `family_id` holds the tokens that it gave."""

    def __init__(self, family_id: str) -> None:
        super().__init__("code replayed")
        self.family_id = family_id


async def redeem_code(tx: AsyncSession, client_id: str, form: Mapping[str, str], *, now: datetime) -> tuple[Grant, TokenFamily]:
    """Use up the code of `form`; gives its Grant and the new token family.

    Raises:
        InvalidRequest: there is no code.
        InvalidGrant: the code does not fit, or its Grant gives no access any more.
        CodeReplayed: its Client has redeemed it before.
    """
    code = form.get("code")
    if code is None:
        raise InvalidRequest("code is missing")
    found = await Codes(tx).find(secret_hash(code), lock=True)
    if found is None:
        raise InvalidGrant("The code is not valid")
    if found.family_id is not None and found.client_id == client_id:
        raise CodeReplayed(found.family_id)
    fault = found.fault(client_id=client_id, redirect_uri=form.get("redirect_uri"), verifier=form.get("code_verifier"), now=now)
    if fault is not None:
        raise InvalidGrant(fault)
    grant = await Grants(tx).get(found.grant_id)
    if not grant.is_open:
        raise InvalidGrant("The Grant gives no access any more")
    family = TokenFamily(secrets.token_urlsafe(9), client_id, grant.grant_id, found.subject, None, now)
    await Families(tx).add(family)
    await Codes(tx).mark_redeemed(found.code_hash, family.family_id)
    return grant, family
