"""`POST /oauth/revoke` (RFC 7009)."""

from starlette.responses import Response

from cds_auth.api.dependencies import Authenticator, Now, Rules, Sent, Tx, Verifier
from cds_auth.api.oauth_documents import OAUTH_ERRORS, ONE_TOKEN_BODY
from cds_auth.application.revoke_tokens import revoke_token
from cds_common.oauth_errors import NO_STORE
from cds_common.wire import cds_router

router = cds_router(tags=["oauth"])


@router.post("/oauth/revoke", response_class=Response, responses=OAUTH_ERRORS, openapi_extra=ONE_TOKEN_BODY)
async def revoke(sent: Sent, authenticator: Authenticator, verifier: Verifier, rules: Rules, tx: Tx, now: Now) -> Response:
    """Revoke an access or refresh token of the calling Client; 200 also for unknown ones (RFC 7009 §2.2)."""
    _, caller = await authenticator.authenticate(tx, sent, now)
    await revoke_token(tx, sent.form.get("token"), caller, verifier=verifier, rules=rules, now=now)
    return Response(status_code=200, headers=NO_STORE)
