"""A registration request, read and checked as a whole before anything is made (CDS-WG1-02 §4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_registry.domain.client import ClientMetadata
from cds_registry.domain.client_metadata import read_metadata
from cds_registry.domain.errors import InvalidClientMetadata
from cds_registry.domain.grouping import chosen_auth_method
from cds_registry.domain.purposes import Purpose, read_purpose
from cds_registry.domain.registration_fields import check_value
from cds_registry.domain.scopes import CLIENT_ADMIN, Catalogue, RegistrationField

_MAX_SCOPES = 100
INVITE_CODE = "cds_invite_code"


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """What a client asks to be registered for."""

    scopes: tuple[str, ...]
    metadata: ClientMetadata
    fields: Mapping[str, Any]
    """Effective values of all fields of the scopes, by member name; defaults included, the invite code left out."""
    invite_code: str | None
    auth_method: str | None
    steps: tuple[RegistrationField, ...]
    """What has to happen after the registration before production use (review, payment, forms)."""
    purposes: tuple[Purpose, ...]


def read_registration(body: object, catalogue: Catalogue) -> RegistrationRequest:
    """Read a registration; unknown members and redirect_uris are ignored.

    Raises:
        InvalidClientMetadata: anything is missing or invalid; nothing may be created then.
    """
    if not isinstance(body, Mapping):
        raise InvalidClientMetadata("The body must be a JSON object")
    members: Mapping[str, Any] = {str(key): value for key, value in body.items()}  # pyright: ignore[reportUnknownVariableType]
    scopes = read_scopes(members.get("scope"), catalogue)
    metadata = read_metadata(members)
    required, optional = catalogue.fields_of(scopes)
    fields = _field_values(members, required, optional)
    invite_code = fields.pop(INVITE_CODE, None)
    return RegistrationRequest(
        scopes=scopes,
        metadata=metadata,
        fields=fields,
        invite_code=invite_code,
        auth_method=_auth_method(members.get("token_endpoint_auth_method"), metadata, scopes, catalogue),
        steps=tuple(field for field in required if field.type != "registration_field"),
        purposes=_purposes([*required, *optional], fields),
    )


def read_scopes(value: object, catalogue: Catalogue) -> tuple[str, ...]:
    """The scopes of a registration: described ones only, cds_client_admin among them (WG102-093, -094)."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidClientMetadata("/scope is required")
    scopes = tuple(dict.fromkeys(value.split()))
    if CLIENT_ADMIN not in scopes:
        raise InvalidClientMetadata(f"/scope must include {CLIENT_ADMIN}")
    if len(scopes) > _MAX_SCOPES or any(scope not in catalogue.scopes for scope in scopes):
        raise InvalidClientMetadata("/scope must name scopes of cds_scope_descriptions only")
    return scopes


def _field_values(members: Mapping[str, Any], required: list[RegistrationField], optional: list[RegistrationField]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in required:
        if field.type != "registration_field" or field.field_name is None:
            continue
        if field.field_name not in members and not (field.format or "").endswith("_or_null"):
            raise InvalidClientMetadata(f"/{field.field_name} is required: {field.description}")
        values[field.field_name] = check_value(field, members.get(field.field_name))
    for field in optional:
        if field.type == "registration_field" and field.field_name is not None:
            sent = field.field_name in members
            values[field.field_name] = check_value(field, members[field.field_name]) if sent else field.default
    return values


def _auth_method(value: object, metadata: ClientMetadata, scopes: tuple[str, ...], catalogue: Catalogue) -> str | None:
    """What was asked for, where any scope takes it; a method that none takes is replaced by ours (RFC 7591 §3.2.1)."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidClientMetadata("/token_endpoint_auth_method must be a string")
    if value == "none":
        raise InvalidClientMetadata("/token_endpoint_auth_method none is not offered")
    used = any(chosen_auth_method(catalogue.scopes[scope], value) == value for scope in scopes)
    if used and value == "private_key_jwt" and metadata.jwks is None:
        raise InvalidClientMetadata("/jwks is required for private_key_jwt; keys at an address are not fetched")
    return value if used else None


def _purposes(fields: list[RegistrationField], values: Mapping[str, Any]) -> tuple[Purpose, ...]:
    submitted: list[Purpose] = []
    for field in fields:
        if (field.format or "").removesuffix("_or_null") == "purposes" and field.field_name is not None:
            items: list[Any] = values.get(field.field_name) or []
            submitted += [read_purpose(item, f"/{field.field_name}/{number}") for number, item in enumerate(items)]
    return tuple(submitted)
