"""Checks one authorization details value against its field: JSON type, choices, lengths, reach and keys (CDS-WG1-02 §3.8-3.9)."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec

from cds_common.access.durations import Sign, local_date, parse_date, parse_duration, parse_instant, shift, shift_date
from cds_common.access.fields import INFINITE
from cds_common.access.offers import OfferedField

MAX_LIST = 10_000
MAX_STRING = 10_000
_KEY_TEXTS = ("kty", "crv", "x", "y", "use", "kid", "alg")
_KEY_AGREEMENTS = frozenset({"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"})
_CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48)}


class BadValue(ValueError):
    """The value is refused; the text says why, for the caller."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a value is looked at, and on which calendar."""

    now: datetime
    tz: tzinfo

    def instant(self, text: str, sign: Sign) -> datetime:
        """The instant that an absolute or relative datetime means. ValueError when it is neither."""
        if text[:1] == "P":
            # "P0S" is outside the grammar but stands as an example in CDS-WG1-02 §2.
            return shift(self.now, parse_duration("PT0S" if text == "P0S" else text), sign, self.tz)
        return parse_instant(text)

    def day(self, text: str, sign: Sign) -> date:
        """The local date that an absolute or relative date means. ValueError when it is neither."""
        if text[:1] == "P":
            return shift_date(local_date(self.now, self.tz), parse_duration(text, with_time=False), sign)
        return parse_date(text)


def _boolean(_field: OfferedField, value: Any, _moment: Moment) -> None:
    if type(value) is not bool:
        raise BadValue("a boolean is expected")


def _number(field: OfferedField, value: Any, _moment: Moment) -> None:
    allowed = (int,) if field.format == "int" else (int, Decimal)
    if type(value) not in allowed:
        raise BadValue("an integer is expected" if field.format == "int" else "a number is expected")
    low, high = field.minimum, field.maximum
    if (isinstance(low, int) and value < low) or (isinstance(high, int) and value > high):
        raise BadValue(f"must lie between {low} and {high}")


def _length(field: OfferedField, length: int) -> None:
    low = field.minimum if isinstance(field.minimum, int) else 0
    high = field.maximum if isinstance(field.maximum, int) else MAX_STRING
    if not low <= length <= min(high, MAX_STRING):
        raise BadValue(f"the length of all strings together must lie between {low} and {min(high, MAX_STRING)}")


def _string(field: OfferedField, value: Any, _moment: Moment) -> None:
    if not isinstance(value, str):
        raise BadValue("a string is expected")
    _length(field, len(value))


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise BadValue("a list with at least one string is expected")
    members = cast("list[Any]", value)
    if len(members) > MAX_LIST or not all(isinstance(member, str) for member in members):
        raise BadValue(f"a list of at most {MAX_LIST} strings is expected")
    return members


def _string_list(field: OfferedField, value: Any, _moment: Moment) -> None:
    members = _strings(value)
    if "" in members:
        raise BadValue("an empty string matches nothing")
    _length(field, sum(map(len, members)))


def _choice(field: OfferedField, value: Any, _moment: Moment) -> None:
    if not isinstance(value, str) or value not in field.choice_ids:
        raise BadValue("not one of the choices")


def _choice_list(field: OfferedField, value: Any, _moment: Moment) -> None:
    if not field.choice_ids.issuperset(_strings(value)):
        raise BadValue("not all members are choices")


def _reach(field: OfferedField, value: Any, read: Callable[[str, Sign], date]) -> None:
    if not isinstance(value, str):
        raise BadValue("a string is expected")
    sign: Sign = -1 if field.looks_back else 1
    high, low = field.maximum, field.minimum
    if value == INFINITE:
        if high not in {INFINITE, None}:
            raise BadValue(f"must not reach beyond {high}")
        return
    meant = _read(value, sign, read)
    # Ahead: maximum is the latest. Back: maximum is the furthest back, so the comparison turns round.
    if isinstance(high, str) and high != INFINITE and sign * _distance(meant, read(high, sign)) > 0:
        raise BadValue(f"must not reach beyond {high}")
    if isinstance(low, str) and low != INFINITE and sign * _distance(meant, read(low, sign)) < 0:
        raise BadValue(f"must reach at least {low}")


def _read(value: str, sign: Sign, read: Callable[[str, Sign], date]) -> date:
    try:
        return read(value, sign)
    except ValueError as error:
        raise BadValue(str(error)) from error


def _distance(one: date, other: date) -> int:
    return (one > other) - (one < other)


def _date(field: OfferedField, value: Any, moment: Moment) -> None:
    _reach(field, value, moment.day)


def _datetime(field: OfferedField, value: Any, moment: Moment) -> None:
    _reach(field, value, moment.instant)


def _coordinate(key: dict[str, Any], name: str, size: int) -> int:
    text = key.get(name)
    if not isinstance(text, str) or len(text) > 100:
        raise BadValue(f"the key lacks {name}")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadValue(f"{name} is not base64url") from error
    if len(raw) != size:
        raise BadValue(f"{name} has the wrong length")
    return int.from_bytes(raw, "big")


def check_public_key(value: Any) -> None:
    """Accept only an elliptic curve public encryption key on P-256 or P-384 (CDS-WG3-01 §7.4.6). BadValue otherwise."""
    if not isinstance(value, dict):
        raise BadValue("a JSON Web Key object is expected")
    key = cast("dict[str, Any]", value)
    if "d" in key or "k" in key:
        raise BadValue("a private or secret key was sent; replace it, it is not secret any more")
    # Other members stand for nothing (RFC 7517 §4): a browser's exportKey adds ext and key_ops.
    if not all(isinstance(key.get(name, ""), str) for name in _KEY_TEXTS):
        raise BadValue(f"of the key {', '.join(_KEY_TEXTS)} must be strings")
    if key.get("use") != "enc":
        raise BadValue("use must be enc")
    curve = _CURVES.get(key.get("crv", "")) if key.get("kty") == "EC" else None
    if curve is None:
        raise BadValue("only EC keys on P-256 and P-384 are supported")
    if key.get("alg", "ECDH-ES") not in _KEY_AGREEMENTS or len(key.get("kid", "")) > 200:
        raise BadValue("alg is not supported for encryption, or kid is too long")
    numbers = ec.EllipticCurvePublicNumbers(_coordinate(key, "x", curve[1]), _coordinate(key, "y", curve[1]), curve[0])
    try:
        numbers.public_key()
    except ValueError as error:
        raise BadValue("the point is not on the curve") from error


def _jwk(_field: OfferedField, value: Any, _moment: Moment) -> None:
    check_public_key(value)


_CHECKS: dict[str, Callable[[OfferedField, Any, Moment], None]] = {
    "boolean": _boolean,
    "int": _number,
    "decimal": _number,
    "string": _string,
    "string_list": _string_list,
    "choice": _choice,
    "choice_list": _choice_list,
    "relative_or_absolute_date": _date,
    "relative_or_absolute_datetime": _datetime,
    "jwk": _jwk,
}


def check_value(field: OfferedField, value: Any, moment: Moment) -> None:
    """Accept `value` for `field` or raise BadValue with the reason. An unknown format accepts nothing."""
    name, _, nullable = field.format.partition("_or_null")
    nullable = field.format.endswith("_or_null")
    if value is None and nullable:
        return
    check = _CHECKS.get(name)
    if check is None:
        raise BadValue("the format of the field is not supported")
    check(field, value, moment)
