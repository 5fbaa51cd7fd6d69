"""The Client Object: one set of scopes of a registration that shares response types, grant types and authentication (CDS-WG1-02 §5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from cds_common.events.clients import DirectPermission
from cds_common.ids import Environment
from cds_registry.domain.purposes import Purpose
from cds_registry.domain.scopes import ScopeKind


class ClientStatus(StrEnum):
    """CDS-WG1-02 §5.2."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """The members of RFC 7591 §2 that a client gives about itself; None = not given."""

    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None
    contacts: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    software_id: str | None = None
    software_version: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A Client Object. `registered_scopes` are those it may be narrowed and widened to; `scopes` those it has now."""

    client_id: str
    registration_id: str
    version: int
    kind: ScopeKind
    environment: Environment
    status: ClientStatus
    status_options: tuple[ClientStatus, ...]
    registered_scopes: tuple[str, ...]
    scopes: tuple[str, ...]
    response_types: tuple[str, ...]
    grant_types: tuple[str, ...]
    auth_method: str | None
    created: datetime
    modified: datetime
    metadata: ClientMetadata = ClientMetadata()
    redirect_uris: tuple[str, ...] = ()
    server_redirect_uri: str | None = None
    default_scope: str | None = None
    default_redirect_uri: str | None = None
    default_authorization_details: tuple[Mapping[str, Any], ...] | None = None
    purposes: tuple[Purpose, ...] = ()
    """The client's own; the server's default ones come from the configuration."""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Submitted Registration Fields that are shown, by member name."""
    client_uri_verified: bool = False
    pkce_exempt: bool = False
    permission: DirectPermission | None = None
    made_from: str | None = None
    """client_id of the sandbox object whose production twin this is."""

    @property
    def scope(self) -> str:
        """The scope string."""
        return " ".join(self.scopes)

    @property
    def name(self) -> str:
        """client_name, by default the client_id (WG102-118)."""
        return self.metadata.client_name or self.client_id

    @property
    def default_status(self) -> ClientStatus:
        """What a PUT without cds_status resets to: the working status that the client may choose, else disabled."""
        return next((option for option in self.status_options if option is not ClientStatus.DISABLED), ClientStatus.DISABLED)

    def changed(self, now: datetime, **changes: Any) -> "Client":
        """A next version with these members; a website that changed is not the one that was verified."""
        metadata: ClientMetadata = changes.get("metadata", self.metadata)
        if metadata.client_uri != self.metadata.client_uri:
            changes["client_uri_verified"] = False
        return replace(self, version=max(self.version + 1, first_version(now)), modified=max(now, self.modified), **changes)

    def bumped(self, now: datetime) -> "Client":
        """A next version of the published snapshot (a Credential changed); the object's own members stay."""
        return replace(self, version=max(self.version + 1, first_version(now)))


def first_version(now: datetime) -> int:
    """Versions grow with the clock (microseconds since 1970), not by one: auth may have been told, synchronously, of a version
    whose transaction was lost afterwards, and the next one must still count as newer.
    """
    return int(now.timestamp() * 1_000_000)
