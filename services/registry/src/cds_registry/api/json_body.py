"""JSON bodies whose members are checked by the domain, not by a model, since left-out members have a meaning."""

import json
from typing import Any

from starlette.requests import Request

from cds_common import exact_json
from cds_common.errors import DomainError


def json_body(description: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body by `no_duplicates`."""
    return {"requestBody": {"required": True, "description": description, "content": {"application/json": {"schema": {"type": "object"}}}}}


async def no_duplicates(request: Request, error: type[DomainError]) -> Any:
    """The JSON body with exact numbers.

    Raises:
        DomainError: (of the given class) it is not JSON, or says a member twice, so that readers could see different requests.
    """
    body = await request.body()
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise error("The body must be application/json")
    try:
        json.loads(body, object_pairs_hook=_unique, parse_float=str, parse_constant=_constant)
        document = exact_json.decode(body)
        _refuse_nul(document)
    except (ValueError, RecursionError) as fault:
        raise error("The body must be one JSON document without repeated members and NUL characters") from fault
    return document


def _refuse_nul(document: Any) -> None:
    """The database cannot hold NUL, wherever it hides."""
    left = [document]
    while left:
        part = left.pop()
        if isinstance(part, str) and "\x00" in part:
            raise ValueError("NUL character")
        if isinstance(part, dict):
            left.extend(part.keys())  # pyright: ignore[reportUnknownMemberType]
            left.extend(part.values())  # pyright: ignore[reportUnknownMemberType]
        elif isinstance(part, list):
            left.extend(part)  # pyright: ignore[reportUnknownArgumentType]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated member")
    return found


def _constant(name: str) -> Any:
    raise ValueError(name)
