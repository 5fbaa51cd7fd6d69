"""PUT on a Client Object: the body is the full new state, left-out members go back to their default (CDS-WG1-02 §5.5)."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from cds_common import exact_json
from cds_registry.domain.addresses import redirect_fault
from cds_registry.domain.client import Client, ClientMetadata, ClientStatus
from cds_registry.domain.client_metadata import read_metadata
from cds_registry.domain.errors import InvalidClientMetadata, InvalidRedirectUri
from cds_registry.domain.purposes import Purpose, merge_purposes
from cds_registry.domain.registration import INVITE_CODE
from cds_registry.domain.registration_fields import check_value
from cds_registry.domain.scopes import Catalogue

_MAX_REDIRECTS, _MAX_DETAILS, _MAX_DETAILS_BYTES = 50, 100, 100_000
SERVER_SET = (
    "client_id", "client_id_issued_at", "grant_types", "response_types", "token_endpoint_auth_method", "cds_created",
    "cds_modified", "cds_client_uri", "cds_server_metadata", "cds_status_options",
)  # fmt: skip
CREDENTIAL_MEMBERS = ("client_secret", "client_secret_expires_at")
_UNORDERED = frozenset({"grant_types", "response_types", "cds_status_options"})


@dataclass(frozen=True, slots=True)
class UpdateContext:
    """What the rules of an update need besides the Client Object and the body."""

    catalogue: Catalogue
    document: Mapping[str, Any]
    """The Client Object as it is shown now."""
    default_purposes: Sequence[Purpose]
    own_origin: str
    new_id: Callable[[], str]
    check_details: Callable[[Sequence[str], Sequence[Mapping[str, Any]]], str | None]
    """Why these authorization details are not possible for these scopes, or None."""
    credentials: Sequence[tuple[str, int]] = ()
    """Secret and client_secret_expires_at of its Credentials, as far as the body names one of them."""


def updated_client(client: Client, body: object, context: UpdateContext, now: datetime) -> Client:
    """The Client Object that `body` asks for; the same object when it asks for nothing new.

    Raises:
        InvalidClientMetadata: a member is not valid; then nothing changes.
        InvalidRedirectUri: a redirect address is not possible.
    """
    if not isinstance(body, Mapping):
        raise InvalidClientMetadata("The body must be a JSON object")
    members = cast("Mapping[str, Any]", body)
    _check_credential(members, context.credentials)
    _check_server_set(members, context.document)
    scopes = _scopes(members, client)
    changes: dict[str, Any] = {
        "metadata": _metadata(members, client),
        "scopes": scopes,
        "status": _status(members, client),
        "purposes": _purposes(members, client, context),
        "fields": _fields(members, client, context.catalogue),
        **_authorization_defaults(members, client, scopes, context),
    }
    _check_details_types(members, scopes, client, context.catalogue)
    wanted = replace(client, **changes)
    return client if wanted == client else client.changed(now, **changes)


def _was_so(sent: object, document: Mapping[str, Any]) -> bool:
    """Whether this is the present or an earlier `cds_modified`: an object that was read once may be sent more than once."""
    with suppress(TypeError, ValueError):  # no moment, or one without a zone
        first, moment, last = (datetime.fromisoformat(str(each)) for each in (document["cds_created"], sent, document["cds_modified"]))
        return first <= moment <= last
    return False


def _check_credential(members: Mapping[str, Any], credentials: Sequence[tuple[str, int]]) -> None:
    """The secret of a Credential and its end may be sent back as they are (RFC 7592 §2.2); they change on the Credentials API only."""
    for position, name in enumerate(CREDENTIAL_MEMBERS):
        if name in members:
            credentials = [each for each in credentials if each[position] == members[name]]
            if not credentials:
                raise InvalidClientMetadata(f"/{name} is managed on the Credentials API")


def _check_server_set(members: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Server-set members may be repeated, never changed (WG102-143)."""
    for name in SERVER_SET:
        if name not in members:
            continue
        sent, held = members[name], document[name]
        same = sent == held
        if name == "cds_modified":
            same = _was_so(sent, document)
        if name in _UNORDERED and isinstance(sent, list):
            same = sorted(map(str, cast("list[object]", sent))) == sorted(held)
        if not same:
            raise InvalidClientMetadata(f"/{name} is set by the server and cannot be changed")


def _metadata(members: Mapping[str, Any], client: Client) -> ClientMetadata:
    if members.get("client_name") == "":
        raise InvalidClientMetadata("/client_name must not be empty")
    metadata = read_metadata(members)
    if client.auth_method == "private_key_jwt" and metadata.jwks is None:
        raise InvalidClientMetadata("/jwks is required for private_key_jwt")
    # A client that repeats the default name has not given itself one.
    return replace(metadata, client_name=None) if metadata.client_name == client.client_id else metadata


def _scopes(members: Mapping[str, Any], client: Client) -> tuple[str, ...]:
    value = members.get("scope")
    if value is None:
        return client.registered_scopes
    if not isinstance(value, str):
        raise InvalidClientMetadata("/scope must be a string")
    scopes = tuple(dict.fromkeys(value.split()))
    if not scopes or any(scope not in client.registered_scopes for scope in scopes):
        raise InvalidClientMetadata("/scope must name at least one of the scopes registered for this Client Object, and no other")
    return scopes if set(scopes) != set(client.scopes) else client.scopes


def _status(members: Mapping[str, Any], client: Client) -> ClientStatus:
    value = members.get("cds_status", client.default_status)
    if value not in client.status_options:
        raise InvalidClientMetadata("/cds_status must be one of cds_status_options")
    return ClientStatus(value)


def _purposes(members: Mapping[str, Any], client: Client, context: UpdateContext) -> tuple[Purpose, ...]:
    offering = context.catalogue.offering_purpose(client.registered_scopes)
    submitted = members.get("cds_purposes")
    if submitted is None:
        return ()
    if not offering:
        if submitted != {}:
            raise InvalidClientMetadata("/cds_purposes is not available for the scopes of this Client Object")
        return ()
    return merge_purposes(submitted, own=client.purposes, defaults=context.default_purposes, scopes=offering, new_id=context.new_id)


def _fields(members: Mapping[str, Any], client: Client, catalogue: Catalogue) -> Mapping[str, Any]:
    """Registration Fields: a sent one is checked, a left-out optional one takes its default, a left-out required one stays."""
    required, optional = catalogue.fields_of(client.registered_scopes)
    values = dict(client.fields)
    for field in (*required, *optional):
        name = field.field_name
        if name is None or name == INVITE_CODE or field.type != "registration_field":
            continue
        if name in members:
            if members[name] != client.fields.get(name):
                values[name] = check_value(field, members[name])
        elif field in optional:
            values[name] = field.default
    return values


def _authorization_defaults(members: Mapping[str, Any], client: Client, scopes: tuple[str, ...], context: UpdateContext) -> dict[str, Any]:
    if not client.response_types:
        for name in ("redirect_uris", "cds_default_scope", "cds_default_redirect_uri", "cds_default_authorization_details"):
            if members.get(name):
                error = InvalidRedirectUri if "redirect" in name else InvalidClientMetadata
                raise error(f"/{name} is not available for this Client Object, since it has no authorization requests")
        return {}
    redirects = _redirect_uris(members, client, context.own_origin)
    scope = _default_scope(members, scopes, context.catalogue)
    return {
        "redirect_uris": redirects,
        "default_redirect_uri": _default_redirect(members, client, redirects),
        "default_scope": scope,
        "default_authorization_details": _default_details(members, client, scopes, context),
    }


def _redirect_uris(members: Mapping[str, Any], client: Client, own_origin: str) -> tuple[str, ...]:
    value = members.get("redirect_uris")
    if value is None:
        return (client.server_redirect_uri,) if client.server_redirect_uri else client.redirect_uris
    items = cast("list[object]", value) if isinstance(value, list) else []
    if not 0 < len(items) <= _MAX_REDIRECTS:
        raise InvalidRedirectUri(f"/redirect_uris must be an array of 1 to {_MAX_REDIRECTS} addresses")
    for number, item in enumerate(items):
        if fault := redirect_fault(item, own_origin=own_origin, own_redirect=client.server_redirect_uri):
            raise InvalidRedirectUri(f"/redirect_uris/{number} {fault}")
    return tuple(dict.fromkeys(str(item) for item in items))


def _default_redirect(members: Mapping[str, Any], client: Client, redirects: tuple[str, ...]) -> str:
    value = members.get("cds_default_redirect_uri")
    if value is None:
        return client.server_redirect_uri if client.server_redirect_uri in redirects else redirects[0]
    if value not in redirects:
        raise InvalidRedirectUri("/cds_default_redirect_uri must be one of redirect_uris")
    return str(value)


def _default_scope(members: Mapping[str, Any], scopes: tuple[str, ...], catalogue: Catalogue) -> str:
    value = members.get("cds_default_scope")
    if value is None:
        return " ".join(catalogue.default_scopes(scopes))
    chosen = tuple(dict.fromkeys(value.split())) if isinstance(value, str) else ()
    if not chosen or any(scope not in scopes for scope in chosen):
        raise InvalidClientMetadata("/cds_default_scope must name scopes out of scope")
    return " ".join(chosen)


def _default_details(
    members: Mapping[str, Any], client: Client, scopes: tuple[str, ...], context: UpdateContext
) -> tuple[Mapping[str, Any], ...]:
    value = members.get("cds_default_authorization_details")
    if value is None:
        return ()
    items = cast("list[Any]", value) if isinstance(value, list) else None
    if items is None or len(items) > _MAX_DETAILS or not all(isinstance(item, Mapping) for item in items):
        raise InvalidClientMetadata(f"/cds_default_authorization_details must be an array of at most {_MAX_DETAILS} objects")
    if list(client.default_authorization_details or ()) == items:
        return client.default_authorization_details or ()
    if len(exact_json.encode(items)) > _MAX_DETAILS_BYTES:
        raise InvalidClientMetadata(f"/cds_default_authorization_details must have at most {_MAX_DETAILS_BYTES} bytes")
    if items and (fault := context.check_details(scopes, items)):
        raise InvalidClientMetadata(f"/cds_default_authorization_details {fault}")
    return tuple(items)


def _check_details_types(members: Mapping[str, Any], scopes: Sequence[str], client: Client, catalogue: Catalogue) -> None:
    """authorization_details_types follow from the scopes: the present or the coming list may be repeated, no other."""
    value = members.get("authorization_details_types")
    if value is None:
        return
    sent = sorted(map(str, cast("list[object]", value))) if isinstance(value, list) else None
    if sent not in (sorted(catalogue.details_types(scopes)), sorted(catalogue.details_types(client.scopes))):
        raise InvalidClientMetadata("/authorization_details_types follow from scope and cannot be set otherwise")
