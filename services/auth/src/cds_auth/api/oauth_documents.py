"""What the OAuth endpoints share: answers that nobody may keep, and their description in the OpenAPI document."""

from typing import Any

from starlette.responses import Response

from cds_common import exact_json
from cds_common.oauth_errors import NO_STORE


def no_store(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON answer that no cache may keep (RFC 6749 §5.1)."""
    return Response(exact_json.encode(body), status, NO_STORE, media_type="application/json")


_ERROR: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
        }
    }
}

OAUTH_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request is refused (RFC 6749 §5.2)", "content": _ERROR},
    401: {"description": "Client authentication failed", "content": _ERROR},
    429: {"description": "Too many requests", "content": _ERROR},
}


def _form(*names: str, required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": list(required)}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


TOKEN_BODY = _form(
    "grant_type", "scope", "authorization_details", "code", "redirect_uri", "code_verifier", "refresh_token",
    "client_id", "client_assertion", "client_assertion_type",
    required=("grant_type",),
)  # fmt: skip
ONE_TOKEN_BODY = _form("token", "token_type_hint", required=("token",))
PUSHED_BODY = _form(
    "response_type", "client_id", "redirect_uri", "state", "scope", "authorization_details", "code_challenge",
    "code_challenge_method", "cds_grant_id", "prompt",
    required=("response_type",),
)  # fmt: skip
