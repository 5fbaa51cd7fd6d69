"""The offered scopes as registration sees them: built from the published Scope Descriptions, so both can never differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cds_common.access.catalogue import SCOPE_TYPES

CLIENT_ADMIN = "cds_client_admin"
LOGIN_STEP = "sso_verification"
"""Type of the step by which a customer shows, by logging in, whose data the Client Objects may see."""


class ScopeKind(StrEnum):
    """Which sort of Client Object a scope belongs to; different kinds never share one."""

    CLIENT_ADMIN = "client_admin"
    GRANT_ADMIN = "grant_admin"
    FILES = "server_provided_files"
    DIRECT = "direct"
    CONSENT = "consent"


_KINDS = {
    CLIENT_ADMIN: ScopeKind.CLIENT_ADMIN,
    "cds_grant_admin": ScopeKind.GRANT_ADMIN,
    "cds_server_provided_files": ScopeKind.FILES,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What registration needs of a Scope Description (CDS-WG1-02 §3.4)."""

    id: str
    type: str
    response_types: tuple[str, ...]
    grant_types: tuple[str, ...]
    auth_methods: tuple[str, ...]
    grant_admin_scope: str | None
    requirements: tuple[str, ...]
    optional: tuple[str, ...]
    details_types: tuple[str, ...]
    offers_purpose: bool
    needs_details: bool = False
    """Whether its bare id is no possible request: it has a required field, or one whose default is refused (CDS-WG3-01 §6.1.10)."""

    @property
    def kind(self) -> ScopeKind:
        """The kind by type; of all others those with an authorization request are consent scopes."""
        return _KINDS.get(self.type, ScopeKind.CONSENT if self.response_types else ScopeKind.DIRECT)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> "Scope":
        """Read a published Scope Description."""
        fields: Sequence[Mapping[str, Any]] = description["authorization_details_fields_supported"]
        return cls(
            id=description["id"],
            type=description["type"],
            response_types=tuple(description["response_types_supported"]),
            grant_types=tuple(description["grant_types_supported"]),
            auth_methods=tuple(description["token_endpoint_auth_methods_supported"]),
            grant_admin_scope=description["grant_admin_scope"],
            requirements=tuple(description["registration_requirements"]),
            optional=tuple(description["registration_optional"]),
            details_types=tuple(description["authorization_details_types_supported"]),
            offers_purpose=any(field["id"] == "purpose" for field in fields),
            needs_details=_needs_details(description["type"], fields),
        )


def _needs_details(scope_type: str, fields: Sequence[Mapping[str, Any]]) -> bool:
    refused = SCOPE_TYPES[scope_type].never if scope_type in SCOPE_TYPES else {}
    return any(field["is_required"] or (field["id"] in refused and field["default"] is refused[field["id"]]) for field in fields)


@dataclass(frozen=True, slots=True)
class RegistrationField:
    """A Registration Field (CDS-WG1-02 §3.5)."""

    id: str
    type: str
    description: str
    documentation: str
    field_name: str | None = None
    format: str | None = None
    default: Any = None
    max_length: int | None = None
    max_size: int | None = None
    amount: Any = None
    currency: str | None = None
    choices: tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, field: Mapping[str, Any]) -> "RegistrationField":
        """Read a published Registration Field."""
        known = {name: field[name] for name in cls.__dataclass_fields__ if name in field and name != "choices"}
        return cls(**known, choices=tuple(choice["id"] for choice in field.get("choices", ())))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All offered scopes and Registration Fields, by id."""

    scopes: Mapping[str, Scope]
    fields: Mapping[str, RegistrationField]

    def fields_of(self, scope_ids: Sequence[str]) -> tuple[list[RegistrationField], list[RegistrationField]]:
        """Required and merely optional fields of these scopes, each once, in the order of the scopes."""
        scopes = self._offered(scope_ids)
        required = list(dict.fromkeys(name for scope in scopes for name in scope.requirements))
        optional = list(dict.fromkeys(name for scope in scopes for name in scope.optional if name not in required))
        return [self.fields[name] for name in required], [self.fields[name] for name in optional]

    def asks_for_login(self, scope_ids: Sequence[str]) -> bool:
        """Whether what a Client Object with these scopes sees is decided by a customer's login (CDS-WG3-01 §4.1)."""
        return any(self.fields[field].type == LOGIN_STEP for scope in self._offered(scope_ids) for field in scope.requirements)

    def details_types(self, scope_ids: Sequence[str]) -> tuple[str, ...]:
        """The authorization details types that a Client Object with these scopes may use (WG102-119)."""
        return tuple(dict.fromkeys(kind for scope in self._offered(scope_ids) for kind in scope.details_types))

    def default_scopes(self, scope_ids: Sequence[str]) -> tuple[str, ...]:
        """Those that an authorization request may name without details (WG102-129); all of them when there is none."""
        bare = tuple(scope.id for scope in self._offered(scope_ids) if not scope.needs_details)
        return bare or tuple(scope_ids)

    def scope_types(self, scope_ids: Sequence[str]) -> dict[str, str]:
        """Scope id -> scope type."""
        return {scope.id: scope.type for scope in self._offered(scope_ids)}

    def offering_purpose(self, scope_ids: Sequence[str]) -> tuple[str, ...]:
        """Those scopes that know the field `purpose`."""
        return tuple(scope.id for scope in self._offered(scope_ids) if scope.offers_purpose)

    def grant_admins(self, scope_ids: Sequence[str]) -> tuple[str, ...]:
        """The Grant Admin scopes that open these scopes."""
        return tuple(dict.fromkeys(scope.grant_admin_scope for scope in self._offered(scope_ids) if scope.grant_admin_scope))

    def _offered(self, scope_ids: Sequence[str]) -> list[Scope]:
        """A Client Object may hold a scope that the utility has stopped offering: it opens nothing, and breaks nothing."""
        return [self.scopes[scope] for scope in scope_ids if scope in self.scopes]
