"""Log in at the utility's identity provider: begin, come back, find the customer."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.adapters.identity_provider import IdentityProvider, LoginNotCompleted
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.session import BrowserSession
from cds_auth.persistence import consent_requests, customer_copies, customer_logins

log = structlog.get_logger(__name__)

_VALID_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SsoResult:
    """Where the login was for, and who logged in; no customer when it was not completed."""

    to: str
    customer_id: UUID | None = None
    login_name: str = ""


async def begin_sso(
    tx: AsyncSession, provider: IdentityProvider, vault: PageSecrets, session: BrowserSession, *, to: str, fresh: bool, now: datetime
) -> str:
    """The provider's address for this browser. What the way back needs is kept, sealed, with the session."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    url = await provider.authorization_url(state=state, nonce=nonce, verifier=verifier, fresh=fresh)
    row = await consent_requests.find_session(tx, session.session_hash)
    if row is not None:
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "to": to, "at": now.isoformat()}
        row.oidc_state = {"sealed": vault.encrypt(json.dumps(kept)).decode()}
        await tx.flush()
    return url


async def end_sso(
    tx: AsyncSession,
    provider: IdentityProvider,
    vault: PageSecrets,
    session: BrowserSession,
    *,
    state: str,
    code: str | None,
    issuer: str | None,
    now: datetime,
) -> SsoResult | None:
    """The browser is back; None when it never went from here, or too long ago. Works once."""
    row = await consent_requests.find_session(tx, session.session_hash)
    if row is None or row.oidc_state is None:
        return None
    kept = json.loads(vault.decrypt(str(row.oidc_state["sealed"]).encode()))
    row.oidc_state = None
    await tx.flush()
    if not secrets.compare_digest(kept["state"].encode(), state.encode()) or now > datetime.fromisoformat(kept["at"]) + _VALID_FOR:
        return None
    if code is None:
        return SsoResult(kept["to"])
    try:
        person = await provider.person_of(code, issuer=issuer, verifier=kept["verifier"], nonce=kept["nonce"], now=now)
    except LoginNotCompleted as error:
        log.warning("sso_not_completed", reason=str(error))
        return SsoResult(kept["to"])
    number = person.customer_number
    customer = await customer_copies.find_customer_by_number(tx, number, "production") if number else None
    if customer is None:
        log.warning("sso_without_customer")
        return SsoResult(kept["to"])
    await customer_logins.note_identity(tx, issuer=person.issuer, subject=person.subject, customer_id=customer.customer_id, now=now)
    return SsoResult(kept["to"], customer.customer_id, person.name or customer.name)
