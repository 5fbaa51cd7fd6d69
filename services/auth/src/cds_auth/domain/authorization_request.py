"""A validated authorization request: what the customer will be asked, kept from the first check to the code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import UUID

from cds_common.access.details import EffectiveEntry
from cds_common.ids import Environment

Prompt = Literal["login"]


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Everything has been checked but the customer. Relative durations are still relative: they count from the approval."""

    client_id: str
    registration_id: str
    environment: Environment
    redirect_uri: str
    redirect_uri_sent: bool
    is_server_redirect: bool
    """The redirect URI is the one that this server made for the Client; it ends on the receipt."""
    state: str | None
    scope: str
    entries: tuple[EffectiveEntry, ...]
    code_challenge: str | None
    """None only for a Client that the operator exempted from PKCE."""
    cds_grant_id: str | None
    prompt_login: bool
    pushed_id: UUID | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON form for a row."""
        return asdict(self) | {"pushed_id": str(self.pushed_id) if self.pushed_id else None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "AuthorizationRequest":
        """From the JSON form."""
        members: dict[str, Any] = dict(value)
        members["entries"] = tuple(EffectiveEntry(**entry) for entry in value["entries"])
        members["pushed_id"] = UUID(value["pushed_id"]) if value["pushed_id"] else None
        return cls(**members)
