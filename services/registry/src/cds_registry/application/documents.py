"""Domain objects as the JSON objects of the specification."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client
from cds_registry.domain.credential import Credential
from cds_registry.domain.message import Message
from cds_registry.domain.purposes import purpose_map
from cds_registry.domain.scopes import ScopeKind


def moment(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def client_document(client: Client, offer: Offer) -> dict[str, Any]:
    """The Client Object (CDS-WG1-02 §5.1; CDS-WG3-01 §8.1); never with a secret."""
    members = {name: value for name, value in asdict(client.metadata).items() if value}
    document: dict[str, Any] = {
        **client.fields,
        **members,
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created.timestamp()),
        "client_name": client.name,
        "contacts": list(client.metadata.contacts),
        "scope": client.scope,
        "redirect_uris": list(client.redirect_uris),
        "response_types": list(client.response_types),
        "grant_types": list(client.grant_types),
        "token_endpoint_auth_method": client.auth_method,
        "authorization_details_types": list(offer.catalogue.details_types(client.scopes)),
        "cds_created": moment(client.created),
        "cds_modified": moment(client.modified),
        "cds_client_uri": offer.client_uri(client.client_id),
        "cds_status": client.status.value,
        "cds_status_options": [option.value for option in client.status_options],
        "cds_server_metadata": offer.metadata_uri(client.client_id),
    }
    if client.response_types:
        document |= {
            "cds_default_scope": client.default_scope,
            "cds_default_redirect_uri": client.default_redirect_uri,
            "cds_default_authorization_details": [dict(item) for item in client.default_authorization_details or ()],
        }
    if client.kind is ScopeKind.CONSENT:
        document["cds_purposes"] = purpose_map((*offer.default_purposes(client.scopes), *client.purposes))
    return document


def credential_document(credential: Credential, secret: str, offer: Offer) -> dict[str, Any]:
    """The Credential object (CDS-WG1-02 §7.1)."""
    return {
        "credential_id": credential.credential_id,
        "uri": offer.credential_uri(credential.credential_id),
        "client_id": credential.client_id,
        "created": moment(credential.created),
        "modified": moment(credential.modified),
        "type": "client_secret",
        "client_secret": secret,
        "client_secret_expires_at": seconds(credential.expires_at),
    }


def seconds(expires_at: datetime | None) -> int:
    """client_secret_expires_at: seconds since 1970, 0 for never."""
    return 0 if expires_at is None else int(expires_at.timestamp())


def message_document(message: Message, offer: Offer) -> dict[str, Any]:
    """The Message object (CDS-WG1-02 §6.1)."""
    document: dict[str, Any] = {
        "message_id": message.message_id,
        "uri": offer.message_uri(message.message_id),
        "previous_uri": offer.message_uri(message.previous_id) if message.previous_id else None,
        "type": message.type.value,
        "read": message.read,
        "creator": message.creator,
        "created": moment(message.created),
        "modified": moment(message.modified),
        "status": message.status.value,
        "name": message.name,
        "description": message.description,
    }
    for name in ("updates_requested", "grants_requested"):
        items: tuple[Mapping[str, Any], ...] | None = getattr(message, name)
        if items is not None:
            document[name] = [dict(item) for item in items]
    if message.attachments:
        document["attachments"] = [
            {"filename": file.filename, "mime_type": file.mime_type, "data": base64.b64encode(file.content).decode()}
            for file in message.attachments
        ]
    if message.related_uri is not None and message.related_type is not None:
        document |= {"related_uri": message.related_uri, "related_type": message.related_type.value}
    if message.amount is not None:
        document |= {"amount": message.amount, "currency": message.currency}
    return document
