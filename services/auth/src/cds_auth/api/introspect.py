"""`POST /oauth/introspect` (RFC 7662)."""

from starlette.responses import Response

from cds_auth.api.dependencies import Authenticator, Clients, Now, Rules, Sent, Tx, Verifier
from cds_auth.api.oauth_documents import OAUTH_ERRORS, ONE_TOKEN_BODY, no_store
from cds_auth.application.introspect_token import introspect_token
from cds_common.wire import cds_router

router = cds_router(tags=["oauth"])


@router.post("/oauth/introspect", responses=OAUTH_ERRORS, openapi_extra=ONE_TOKEN_BODY)
async def introspect(
    sent: Sent, authenticator: Authenticator, verifier: Verifier, clients: Clients, rules: Rules, tx: Tx, now: Now
) -> Response:
    """Say whether a token of the caller's registration works now; anything else is just not active (RFC 7662 §2.2)."""
    client, _ = await authenticator.authenticate(tx, sent, now)
    return no_store(
        await introspect_token(tx, sent.form.get("token"), client, verifier=verifier, clients=clients, issuer=rules.issuer, now=now)
    )
