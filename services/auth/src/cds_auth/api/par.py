"""`POST /oauth/par` (RFC 9126)."""

from starlette.responses import Response

from cds_auth.api.dependencies import Authenticator, Clients, Form, Now, Rules, Sent, Tx
from cds_auth.api.oauth_documents import OAUTH_ERRORS, PUSHED_BODY, no_store
from cds_auth.application.push_request import push_request
from cds_common.wire import cds_router

router = cds_router(tags=["oauth"])


@router.post("/oauth/par", responses=OAUTH_ERRORS, openapi_extra=PUSHED_BODY, status_code=201)
async def push(sent: Sent, form: Form, authenticator: Authenticator, rules: Rules, clients: Clients, tx: Tx, now: Now) -> Response:
    """Keep an authorization request for a short while and give its `request_uri` (RFC 9126 §2)."""
    client, _ = await authenticator.authenticate(tx, sent, now)
    return no_store(await push_request(tx, client, form, rules=rules, clients=clients, now=now), 201)
