"""`/oauth/register`: dynamic client registration (RFC 7591, CDS-WG1-02 §4)."""

from starlette.requests import Request

from cds_common.oauth_errors import NO_STORE
from cds_common.problems import problems
from cds_common.rate_limits import address_of
from cds_common.wire import CdsJSONResponse, cds_router
from cds_registry.api.body_sizes import LARGE, SMALL
from cds_registry.api.dependencies import Now, Tools, Tx
from cds_registry.api.json_body import json_body, no_duplicates
from cds_registry.api.rate_limits import limit_invites
from cds_registry.api.schemas import RegisteredOut, refused_registration
from cds_registry.application.documents import client_document, seconds
from cds_registry.application.register_client import register_client
from cds_registry.domain.errors import InvalidClientMetadata
from cds_registry.domain.registration import read_registration

router = cds_router(tags=["registration"], max_body_size=SMALL)


@router.post(
    "/oauth/register",
    status_code=201,
    responses={201: {"model": RegisteredOut, "description": "Registered"}, **refused_registration(), **problems(413, 429)},
    openapi_extra=json_body("RFC 7591 client metadata with scope, and the Registration Fields of the scopes"),
    max_body_size=LARGE,
)
async def register(request: Request, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Register for scopes, cds_client_admin among them; the answer is the admin Client Object with its secret."""
    body = await no_duplicates(request, InvalidClientMetadata)
    wanted = read_registration(body, tools.offer.catalogue)
    if wanted.invite_code is not None:
        await limit_invites(tx, request, tools.offer, now)
    made = await register_client(tx, wanted, offer=tools.offer, box=tools.box, origin=address_of(request), now=now)
    document = client_document(made.admin, tools.offer)
    document |= {"client_secret": made.secret, "client_secret_expires_at": seconds(made.credential.expires_at)}
    return CdsJSONResponse(document, 201, NO_STORE)
