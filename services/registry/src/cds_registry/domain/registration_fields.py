"""Values of Registration Fields by their format (CDS-WG1-02 §3.7, CDS-WG3-01 §5.1)."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, cast

from cds_registry.domain.addresses import address_fault
from cds_registry.domain.errors import InvalidClientMetadata
from cds_registry.domain.purposes import MAX_PURPOSES, read_purpose
from cds_registry.domain.scopes import RegistrationField

_MAX_LENGTH, _MAX_LIST, _MAX_SIZE = 2000, 100, 5_000_000
_EMAIL = re.compile(r"[^\s@<>\"',;:()\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def check_value(field: RegistrationField, value: object) -> Any:
    """Give `value` back when it has the format of `field`.

    Raises:
        InvalidClientMetadata: it has not; the text names the field and the reason.
    """
    form = field.format or "string"
    if value is None and form.endswith("_or_null"):
        return None
    fault = _CHECKS[form.removesuffix("_or_null")](field, value)
    if fault:
        raise InvalidClientMetadata(f"/{field.field_name} {fault}")
    return value


def _text(field: RegistrationField, value: object) -> str | None:
    limit = field.max_length or _MAX_LENGTH
    if not isinstance(value, str) or not value.strip():
        return "must be a string that is not blank"
    if len(value) > limit:
        return f"must have at most {limit} characters"
    return "must not hold control characters" if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", value) else None


def _strings(_: RegistrationField, value: object) -> str | None:
    items = cast("list[object]", value) if isinstance(value, list) else []
    good = 0 < len(items) <= _MAX_LIST and all(isinstance(item, str) and len(item) <= _MAX_LENGTH for item in items)
    return None if good else f"must be an array of 1 to {_MAX_LIST} strings"


def _url(field: RegistrationField, value: object) -> str | None:
    return _text(field, value) or address_fault(value)


def _email(field: RegistrationField, value: object) -> str | None:
    fault = _text(field, value)
    return fault or (None if _EMAIL.fullmatch(str(value)) else "must be an e-mail address")


def _boolean(_: RegistrationField, value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _image(field: RegistrationField, value: object) -> str | None:
    return _file(field, value, _IMAGES, "a JPEG or PNG image")


def _pdf(field: RegistrationField, value: object) -> str | None:
    return _file(field, value, (b"%PDF-",), "a PDF")


def _file(field: RegistrationField, value: object, starts: tuple[bytes, ...], what: str) -> str | None:
    limit = field.max_size or _MAX_SIZE
    if not isinstance(value, str) or len(value) > limit * 4 // 3 + 4:
        return f"must be {what} of at most {limit} bytes in Base64"
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "must be Base64 (RFC 4648)"
    return None if content.startswith(starts) and len(content) <= limit else f"must be {what} of at most {limit} bytes"


def _choice(field: RegistrationField, value: object) -> str | None:
    return None if isinstance(value, str) and value in field.choices else "must be one of the offered choices"


def _choices(field: RegistrationField, value: object) -> str | None:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return None if items and all(item in field.choices for item in items) else "must be a non-empty array of offered choices"


def _purposes(field: RegistrationField, value: object) -> str | None:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if not 0 < len(items) <= MAX_PURPOSES:
        return f"must be an array of 1 to {MAX_PURPOSES} Purpose objects"
    for number, item in enumerate(items):
        read_purpose(item, f"/{field.field_name}/{number}")
        if item.get("id") != "" or item.get("scopes_supported") != []:
            return 'must have Purpose objects with id "" and scopes_supported []'
    return None


_CHECKS: dict[str, Callable[[RegistrationField, object], str | None]] = {
    "string": _text,
    "string_list": _strings,
    "url": _url,
    "email": _email,
    "boolean": _boolean,
    "image": _image,
    "pdf": _pdf,
    "choice": _choice,
    "choice_list": _choices,
    "purposes": _purposes,
}
