"""Making Client Objects with their first Credential, at registration and for production later."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_registry.adapters.secret_box import NewSecret, SecretBox
from cds_registry.application.notify import new_id
from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client, ClientMetadata, first_version
from cds_registry.domain.credential import Credential
from cds_registry.domain.grouping import PlannedClient
from cds_registry.domain.purposes import Purpose
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.clients import Clients
from cds_registry.persistence.credentials import Credentials


def new_client(
    planned: PlannedClient,
    *,
    registration_id: str,
    metadata: ClientMetadata,
    fields: Mapping[str, Any],
    purposes: tuple[Purpose, ...],
    permission: DirectPermission | None,
    offer: Offer,
    now: datetime,
) -> Client:
    """A Client Object for a plan; with authorization requests it gets the redirect address that ends on a receipt."""
    client_id = new_id()
    shown = {field.field_name for group in offer.catalogue.fields_of(planned.scopes) for field in group}
    offering = offer.catalogue.offering_purpose(planned.scopes)
    client = Client(
        client_id=client_id,
        registration_id=registration_id,
        version=first_version(now),
        kind=planned.kind,
        environment=planned.environment,
        status=planned.status,
        status_options=planned.status_options,
        registered_scopes=planned.scopes,
        scopes=planned.scopes,
        response_types=planned.response_types,
        grant_types=planned.grant_types,
        auth_method=planned.auth_method,
        created=now,
        modified=now,
        metadata=metadata,
        fields={name: value for name, value in fields.items() if name in shown},
        purposes=tuple(replace(purpose, id=f"p-{new_id()}", scopes_supported=offering) for purpose in purposes) if offering else (),
        permission=permission if planned.kind is ScopeKind.DIRECT else None,
    )
    return with_own_redirect(client, offer) if planned.response_types else client


def with_own_redirect(client: Client, offer: Offer) -> Client:
    """With the server-made redirect address as the only one, and the first defaults (CDS-WG1-02 §4.2, §5.1)."""
    redirect = offer.server_redirect_uri(client.client_id)
    return replace(
        client,
        redirect_uris=(redirect,),
        server_redirect_uri=redirect,
        default_scope=" ".join(offer.catalogue.default_scopes(client.scopes)),
        default_redirect_uri=redirect,
        default_authorization_details=(),
    )


async def store_client(session: AsyncSession, client: Client, box: SecretBox, now: datetime) -> tuple[Credential, NewSecret] | None:
    """Store a new Client Object, with a Credential when it authenticates at the token endpoint (WG102-106)."""
    await Clients(session, client.registration_id).add(client)
    return await add_credential(session, client, box, now) if client.auth_method else None


async def add_credential(session: AsyncSession, client: Client, box: SecretBox, now: datetime) -> tuple[Credential, NewSecret]:
    """Make one more Credential for a Client Object; the others stay valid."""
    secret = box.make()
    credential = Credential(
        credential_id=new_id(),
        client_id=client.client_id,
        registration_id=client.registration_id,
        created=now,
        modified=now,
        secret_encrypted=secret.encrypted,
        secret_hmac=secret.verifier,
    )
    await Credentials(session, client.registration_id).add(credential)
    return credential, secret
