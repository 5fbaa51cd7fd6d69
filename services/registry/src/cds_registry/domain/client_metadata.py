"""Reading the members of RFC 7591 §2 from a registration or a PUT."""

import re
from collections.abc import Mapping
from typing import Any, cast

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cds_common import exact_json
from cds_registry.domain.addresses import address_fault
from cds_registry.domain.client import ClientMetadata
from cds_registry.domain.errors import InvalidClientMetadata

_MAX_NAME, _MAX_CONTACTS, _MAX_CONTACT, _MAX_KEYS, _MAX_KEYS_BYTES = 200, 20, 320, 10, 30_000
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and those that turn the direction of writing: a name must read as it is."""


def read_metadata(body: Mapping[str, Any]) -> ClientMetadata:
    """Read and check what a client says about itself; missing and null members are "not given".

    Raises:
        InvalidClientMetadata: a member has a wrong form.
    """
    return ClientMetadata(
        client_name=_line(body, "client_name"),
        client_uri=_address(body, "client_uri"),
        logo_uri=_address(body, "logo_uri"),
        tos_uri=_address(body, "tos_uri"),
        policy_uri=_address(body, "policy_uri"),
        contacts=_contacts(body.get("contacts")),
        jwks=_key_set(body.get("jwks")),
        jwks_uri=_address(body, "jwks_uri"),
        software_id=_line(body, "software_id"),
        software_version=_line(body, "software_version"),
    )


def _line(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_NAME or _UNPRINTABLE.search(value):
        raise InvalidClientMetadata(f"/{name} must be one line of 1 to {_MAX_NAME} characters")
    return value.strip()


def _address(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and (fault := address_fault(value)):
        raise InvalidClientMetadata(f"/{name} {fault}")
    return value


def _contacts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or len(items) > _MAX_CONTACTS:
        raise InvalidClientMetadata(f"/contacts must be an array of at most {_MAX_CONTACTS} strings")
    contacts = [item for item in items if isinstance(item, str) and 0 < len(item) <= _MAX_CONTACT and not _UNPRINTABLE.search(item)]
    if len(contacts) != len(items):
        raise InvalidClientMetadata(f"/contacts must hold strings of 1 to {_MAX_CONTACT} characters")
    return tuple(contacts)


def _key_set(value: object) -> Mapping[str, Any] | None:
    """Public keys only; a private key sent by mistake is refused rather than stored."""
    if value is None:
        return None
    keys: object = cast("Mapping[str, object]", value).get("keys") if isinstance(value, Mapping) else None
    members = cast("list[Any]", keys) if isinstance(keys, list) else []
    if not 0 < len(members) <= _MAX_KEYS or not all(isinstance(key, Mapping) for key in members):
        raise InvalidClientMetadata(f"/jwks must be a JWK Set with 1 to {_MAX_KEYS} keys")
    if len(exact_json.encode(members)) > _MAX_KEYS_BYTES:
        raise InvalidClientMetadata(f"/jwks must have at most {_MAX_KEYS_BYTES} bytes")
    if any(_PRIVATE_MEMBERS & set(key) or key.get("kty") not in {"EC", "RSA"} for key in members):
        raise InvalidClientMetadata("/jwks must hold public EC or RSA keys only")
    try:
        KeySet.import_key_set({"keys": members})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise InvalidClientMetadata("/jwks must be a JWK Set (RFC 7517)") from error
    return {"keys": members}
