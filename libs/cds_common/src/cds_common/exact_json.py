"""JSON without binary floats: numbers keep the digits they were written with, both ways."""

import json as stdlib_json
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel


def _encode_other(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python", by_alias=True, exclude_unset=True)
    if type(value).__name__ in {"SecretStr", "SecretBytes"}:
        raise TypeError("a secret does not belong in a JSON document")
    if type(value).__module__.startswith("pydantic"):  # addresses and networks
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode_other)
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def number(value: Decimal) -> Decimal | msgspec.Raw:
    """Give `value` the form in which `encode` writes all its digits and no exponent (10.0 stays 10.0, 1E-8 becomes 0.00000001)."""
    return msgspec.Raw(format(value, "f").encode()) if "E" in str(value) else value


def encode(value: object) -> bytes:
    """Write `value` as UTF-8 JSON; decimals become numbers with their exact digits.

    Raises:
        TypeError: `value` holds a type without a JSON form, or a secret.
        ValueError: `value` holds a NaN or an infinity.
    """
    data = _encoder.encode(value)
    # msgspec writes a decimal that is not finite as the bare word; only then, and for texts with these letters, is it worth a look.
    if b"NaN" in data or b"Infinity" in data:
        try:
            _decoder.decode(data)
        except msgspec.DecodeError:
            raise ValueError("numbers must be finite") from None
    return data


def encode_text(value: object) -> str:
    """The same as text (for the database driver)."""
    return encode(value).decode()


def decode(data: bytes | str) -> Any:
    """Read JSON; numbers with a fraction or an exponent become `Decimal`, others `int`.

    Raises:
        json.JSONDecodeError: `data` is not one JSON document, or it is nested too deeply.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise stdlib_json.JSONDecodeError(str(error), "", 0) from None
    except RecursionError:
        raise stdlib_json.JSONDecodeError("nested too deeply", "", 0) from None
