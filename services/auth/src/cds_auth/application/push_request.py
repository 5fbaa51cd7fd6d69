"""Takes a pushed authorization request (RFC 9126 §2): every refusal is a JSON error here, none a redirect."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.authorization_requests import push_authorization_request
from cds_auth.application.client_directory import ClientDirectory
from cds_auth.application.oauth_refusals import oauth_refusals
from cds_auth.application.parameters import Parameters
from cds_auth.application.rules import AuthRules
from cds_common.events.clients import ClientPublishedV1
from cds_common.oauth_errors import UnauthorizedClient


async def push_request(
    tx: AsyncSession, client: ClientPublishedV1, form: Parameters, *, rules: AuthRules, clients: ClientDirectory, now: datetime
) -> dict[str, Any]:
    """The members of the answer.

    Raises:
        OAuthError: the request is refused, with the code that the authorization endpoint would give.
    """
    if "authorization_code" not in client.grant_types:
        raise UnauthorizedClient("The client can not ask customers")
    with oauth_refusals():
        request_uri, seconds = await push_authorization_request(tx, client, form, rules=rules, clients=clients, now=now)
    return {"request_uri": request_uri, "expires_in": seconds}
