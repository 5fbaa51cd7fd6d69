"""Server metadata, authorization server metadata, and both for one Client Object (CDS-WG1-01 §3, CDS-WG1-02 §3)."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.conditional import public_json
from cds_registry.api.dependencies import Admin, Now, SettingsOf, Tx
from cds_registry.application.publication import Publication
from cds_registry.persistence.clients import Clients
from cds_registry.settings import Settings

router = cds_router(tags=["metadata"], max_body_size=SMALL)

WELL_KNOWN = "/.well-known/cds-server-metadata.json"
_OBJECT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The document", "content": {"application/json": {"schema": {"type": "object"}}}}
}
_CACHED: dict[int | str, dict[str, Any]] = {**_OBJECT, 304: {"description": "Not changed"}}


def _publication(request: Request) -> Publication:
    return request.state.publication


PublicationOf = Annotated[Publication, Depends(_publication)]


@router.get(WELL_KNOWN, responses={**_CACHED, 301: {"description": "The server has another domain now"}, **problems(429, 503)})
async def server_metadata(request: Request, publication: PublicationOf, tx: Tx, settings: SettingsOf, now: Now) -> Response:
    """What this server is and offers (CDS-WG1-01 §3.2)."""
    if (target := _moved(request, settings)) is not None:
        return RedirectResponse(f"{target}{WELL_KNOWN}", 301)
    return public_json(request, await publication.server_metadata(tx, now))


@router.get("/.well-known/oauth-authorization-server", responses={**_CACHED, **problems(429)})
async def authorization_server_metadata(request: Request, publication: PublicationOf) -> Response:
    """How to register and get tokens (RFC 8414, CDS-WG1-02 §3.2, CDS-WG3-01 §5)."""
    return public_json(request, publication.authorization_server)


@router.get("/cds/v1/metadata/{client_id}/cds-server-metadata.json", responses={**_OBJECT, **problems(401, 403, 404, 429)})
async def client_server_metadata(client_id: str, caller: Admin, publication: PublicationOf, tx: Tx, now: Now) -> CdsJSONResponse:
    """Server metadata as it holds for one Client Object (CDS-WG1-02 §5.1)."""
    client = await Clients(tx, caller.registration_id).get(client_id)
    return CdsJSONResponse(await publication.client_server_metadata(tx, client, now), headers={"Cache-Control": "no-store"})


@router.get("/cds/v1/metadata/{client_id}/oauth-authorization-server", responses={**_OBJECT, **problems(401, 403, 404, 429)})
async def client_authorization_server_metadata(client_id: str, caller: Admin, publication: PublicationOf, tx: Tx) -> CdsJSONResponse:
    """Authorization server metadata as it holds for one Client Object: its scopes and Purposes."""
    client = await Clients(tx, caller.registration_id).get(client_id)
    return CdsJSONResponse(publication.client_authorization_server_metadata(client), headers={"Cache-Control": "no-store"})


def _moved(request: Request, settings: Settings) -> str | None:
    """Where this host has moved (CDS-WG1-01 §5)."""
    if settings.moved_to is not None:
        return settings.moved_to
    return settings.public_url if request.url.hostname in settings.former_hosts else None
