"""From the Client's link to a stored request of this browser (CDS-WG3-01 §9.1.1, before any login)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.authorization_requests import resolve_authorization_request
from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.rules import AuthRules
from cds_auth.domain.authorization_request import AuthorizationRequest
from cds_auth.domain.brand import Brand
from cds_auth.domain.closing import ClosingRules
from cds_auth.domain.errors import RequestUriUsed
from cds_auth.domain.session import BrowserSession
from cds_auth.domain.usage_words import UsageKind
from cds_auth.persistence import consent_requests
from cds_auth.persistence.customer_tables import ConsentRequestRow
from cds_auth.settings import Settings


@dataclass(frozen=True, slots=True)
class ConsentContext:
    """What every step of the consent process needs besides its transaction."""

    settings: Settings
    brand: Brand
    clients: ClientDirectory
    rules: AuthRules
    usage_kinds: Mapping[str, UsageKind]
    """By the id of the value format."""
    closing: ClosingRules


async def begin_request(
    tx: AsyncSession, context: ConsentContext, session: BrowserSession, parameters: Sequence[tuple[str, str]], *, now: datetime
) -> str:
    """Validate the request and store it for this browser; gives the handle that its pages carry.

    A pushed request that this very browser has opened before leads to the same handle (a reload must not end in an error).

    Raises:
        InvalidAuthorizationRequest: a page, no redirect.
        AuthorizationRefused: a redirect to the Client.
    """
    try:
        request = await resolve_authorization_request(tx, parameters, rules=context.rules, clients=context.clients, now=now)
    except RequestUriUsed as used:
        known = await consent_requests.find_request_of_push(tx, used.pushed_id, session.session_hash)
        if known is None:
            raise
        return known.txn
    row = ConsentRequestRow(
        txn=secrets.token_urlsafe(24),
        session_hash=session.session_hash,
        request=request.to_json(),
        environment=request.environment,
        client_id=request.client_id,
        pushed_id=request.pushed_id,
        created=now,
        expires=now + context.settings.consent_request_lifetime,
        login_after=now if request.prompt_login or context.settings.customer_login_each_time else None,
    )
    await consent_requests.add_request(tx, row)
    return row.txn


def request_of(row: ConsentRequestRow) -> AuthorizationRequest:
    """The validated request behind a row."""
    return AuthorizationRequest.from_json(row.request)
