"""Parameters of OAuth requests: bounded, each at most once, empty ones absent (RFC 6749 §3.1, §3.2)."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from cds_common import exact_json
from cds_common.access.errors import InvalidAuthorizationDetails

MAX_PARAMETERS = 100
MAX_VALUE = 200_000
"""Characters; authorization_details of many scopes with long lists are the largest values."""


class Repeated(ValueError):
    """A parameter was sent more than once; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} must not be repeated")
        self.name = name


class Parameters:
    """All decoded pairs of a request."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value != "":
                self._values.setdefault(name, []).append(value)

    def all(self, name: str) -> Sequence[str]:
        """Every non-empty value."""
        return self._values.get(name, ())

    def one(self, name: str) -> str | None:
        """The value, None when it is absent or empty.

        Raises:
            Repeated: there are several.
        """
        values = self._values.get(name, [])
        if len(values) > 1:
            raise Repeated(name)
        return values[0] if values else None

    def repeated(self, ignored: frozenset[str] = frozenset()) -> str | None:
        """Some parameter that was sent more than once."""
        return next((name for name, values in self._values.items() if len(values) > 1 and name not in ignored), None)

    def single(self) -> dict[str, str]:
        """All of them as a mapping.

        Raises:
            Repeated: one was sent more than once.
        """
        name = self.repeated()
        if name is not None:
            raise Repeated(name)
        return {each: values[0] for each, values in self._values.items()}


def parse_authorization_details(text: str | None) -> Any:
    """The JSON of `authorization_details` with exact numbers, None when it is absent (RFC 9396 §2).

    Raises:
        InvalidAuthorizationDetails: it is no JSON, or null: that is no array, and not the same as absent.
    """
    if text is None:
        return None
    try:
        details = exact_json.decode(text)
    except json.JSONDecodeError:
        raise InvalidAuthorizationDetails("authorization_details is not valid JSON") from None
    if details is None:
        raise InvalidAuthorizationDetails("authorization_details is a JSON array")
    return details
