"""`POST /oauth/token` (RFC 6749 §3.2)."""

from starlette.responses import Response

from cds_auth.api.dependencies import Now, OwnSessions, Sent, TokenAnswers
from cds_auth.api.oauth_documents import OAUTH_ERRORS, TOKEN_BODY, no_store
from cds_common.wire import cds_router

router = cds_router(tags=["oauth"])


@router.post("/oauth/token", responses=OAUTH_ERRORS, openapi_extra=TOKEN_BODY)
async def token(sent: Sent, endpoint: TokenAnswers, sessions: OwnSessions, now: Now) -> Response:
    """Give tokens for client_credentials, authorization_code or refresh_token (RFC 6749 §4, §6; CDS-WG1-02 §8.4)."""
    return no_store(await endpoint.answer(sessions, sent, now))
