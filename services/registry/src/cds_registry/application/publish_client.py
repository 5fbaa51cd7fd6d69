"""The published snapshot of a Client Object, recorded with every change (design §3)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import ClientPublishedV1, ClientPurpose, CredentialVerifier
from cds_common.outbox import record_event
from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client
from cds_registry.domain.credential import Credential
from cds_registry.domain.purposes import Purpose
from cds_registry.persistence.credentials import credentials_of


async def publish_client(session: AsyncSession, client: Client, offer: Offer) -> ClientPublishedV1:
    """Record the snapshot of a Client Object whose row and Credentials are stored already; gives the snapshot."""
    credentials = await credentials_of(session, [client.client_id])
    snapshot = client_snapshot(client, credentials[client.client_id], offer)
    record_event(session, snapshot)
    return snapshot


def client_snapshot(client: Client, credentials: Sequence[Credential], offer: Offer) -> ClientPublishedV1:
    """The Client Object as auth needs it: verifiers instead of secrets."""
    details: list[dict[str, Any]] | None = None
    if client.default_authorization_details is not None:
        details = [dict(item) for item in client.default_authorization_details]
    return ClientPublishedV1(
        client_id=client.client_id,
        registration_id=client.registration_id,
        version=client.version,
        environment=client.environment,
        status=client.status.value,
        client_name=client.name,
        client_uri=client.metadata.client_uri,
        client_uri_verified=client.client_uri_verified,
        logo_uri=client.metadata.logo_uri,
        scope=client.scope,
        scope_types=offer.catalogue.scope_types(client.scopes),
        grant_types=list(client.grant_types),
        response_types=list(client.response_types),
        token_endpoint_auth_method=client.auth_method or "",
        redirect_uris=list(client.redirect_uris),
        authorization_details_types=list(offer.catalogue.details_types(client.scopes)),
        default_scope=client.default_scope,
        default_redirect_uri=client.default_redirect_uri,
        server_redirect_uri=client.server_redirect_uri,
        default_authorization_details=details,
        purposes=[_purpose(purpose) for purpose in (*offer.default_purposes(client.scopes), *client.purposes)],
        credentials=[
            CredentialVerifier(credential_id=each.credential_id, secret_hmac=each.secret_hmac, expires_at=each.expires_at)
            for each in credentials
        ],
        jwks=dict(client.metadata.jwks) if client.metadata.jwks else None,
        pkce_exempt=client.pkce_exempt,
        direct_permission=client.permission,
    )


def _purpose(purpose: Purpose) -> ClientPurpose:
    return ClientPurpose(
        id=purpose.id,
        name=purpose.name,
        content=purpose.content,
        related_uri=purpose.related_uri,
        related_name=purpose.related_name,
        scopes_supported=list(purpose.scopes_supported),
        written_by_client=not purpose.default,
        reviewed=purpose.reviewed,
    )
