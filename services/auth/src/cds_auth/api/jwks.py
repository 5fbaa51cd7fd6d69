"""`GET /oauth/jwks.json` (RFC 7517 §5): the keys that access tokens are signed with."""

from starlette.responses import Response

from cds_auth.api.dependencies import Keys
from cds_common import exact_json
from cds_common.wire import cds_router

router = cds_router(tags=["oauth"])

_HEADERS = {"Cache-Control": "public, max-age=300"}
"""Far below the time by which a new key is published before it signs."""


class JwkSet(Response):
    """RFC 7517 §8.5.2."""

    media_type = "application/jwk-set+json"


_DOCUMENTED: dict[int | str, dict[str, object]] = {200: {"content": {JwkSet.media_type: {"schema": {"type": "object"}}}}}


@router.get("/oauth/jwks.json", response_class=JwkSet, responses=_DOCUMENTED)
async def jwks(keys: Keys) -> Response:
    """The public keys: present, coming and leaving ones."""
    return JwkSet(exact_json.encode(await keys.public_jwks()), headers=_HEADERS)
