"""Authorization codes: given to the browser, looked up by the server's own redirect page."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.code import AuthorizationCode
from cds_auth.domain.token import new_secret, secret_hash
from cds_auth.persistence.codes import Codes

_LOOK_UP = timedelta(minutes=10)
"""How long after its end a code still leads its own browser to the receipt."""


async def issue_code(
    tx: AsyncSession, request: AuthorizationRequest, grant_id: str, *, customer_id: UUID, now: datetime, rules: AuthRules
) -> str:
    """A single-use code for the Grant that was just authorized; only its hash is kept."""
    code = new_secret()
    stored = AuthorizationCode(
        code_hash=secret_hash(code),
        client_id=request.client_id,
        grant_id=grant_id,
        subject=rules.subject(customer_id, request.client_id),
        redirect_uri=request.redirect_uri,
        redirect_uri_sent=request.redirect_uri_sent,
        code_challenge=request.code_challenge,
        expires=now + rules.code_lifetime,
        family_id=None,
    )
    await Codes(tx).add(stored, now)
    return code


async def find_grant_of_code(tx: AsyncSession, code: str, *, client_id: str, now: datetime) -> str | None:
    """The Grant behind a code, without redeeming it; None for a code that is unknown, another Client's or long over."""
    if not 0 < len(code) <= 200:
        return None
    found = await Codes(tx).find(secret_hash(code))
    if found is None or found.client_id != client_id or found.expires + _LOOK_UP <= now:
        return None
    return found.grant_id
