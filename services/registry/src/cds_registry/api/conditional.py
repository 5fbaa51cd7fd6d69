"""Documents with a validator: 304 when the client has the same one (RFC 9110 §13)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cds_common import exact_json
from cds_common.data_answers import weak_etag


def public_json(request: Request, document: Any, *, media_type: str = "application/json") -> Response:
    """The document with an ETag, or 304."""
    return public_bytes(request, document if isinstance(document, bytes) else exact_json.encode(document), media_type=media_type)


def public_bytes(request: Request, body: bytes, *, media_type: str) -> Response:
    """The bytes with a weak ETag, or 304. Everybody may read and keep them for a minute, from any web page."""
    etag = weak_etag(body)  # weak: the ingress compresses, and drops a strong one
    headers = {"ETag": etag, "Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*"}
    if has_same(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def has_same(request: Request, etag: str) -> bool:
    """Whether the client has what `etag` names: weak comparison of If-None-Match (RFC 9110 §13.1.2)."""
    header = request.headers.get("if-none-match")
    if header is None:
        return False
    return any(candidate.strip().removeprefix("W/") in {etag.removeprefix("W/"), "*"} for candidate in header[:4000].split(","))
