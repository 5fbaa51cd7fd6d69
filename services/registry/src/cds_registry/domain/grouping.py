"""Which Client Objects a registration gets: scopes share one only when one token or authorization request can name them together."""

from collections.abc import Sequence
from dataclasses import dataclass

from cds_common.ids import Environment
from cds_registry.domain.client import ClientStatus
from cds_registry.domain.scopes import CLIENT_ADMIN, Catalogue, Scope, ScopeKind

SECRET_BASIC = "client_secret_basic"  # noqa: S105  # the name of a method


@dataclass(frozen=True, slots=True)
class PlannedClient:
    """A Client Object to be made."""

    kind: ScopeKind
    scopes: tuple[str, ...]
    response_types: tuple[str, ...]
    grant_types: tuple[str, ...]
    auth_method: str | None
    environment: Environment

    @property
    def status(self) -> ClientStatus:
        """Its first status."""
        return ClientStatus.PRODUCTION if self.environment == "production" else ClientStatus.SANDBOX

    @property
    def status_options(self) -> tuple[ClientStatus, ...]:
        """Never production and sandbox together; disabled for all but the admin object (WG102-112, -124)."""
        return (self.status,) if self.kind is ScopeKind.CLIENT_ADMIN else (self.status, ClientStatus.DISABLED)


def plan_clients(
    scope_ids: Sequence[str], catalogue: Catalogue, *, production_scopes: frozenset[str], auth_method: str | None = None
) -> list[PlannedClient]:
    """The Client Objects of a registration for `scope_ids`, the admin object first (CDS-WG1-02 §4.2).

    A Grant Admin object is added for every Grant Admin scope that a registered scope names, asked for or not.
    `production_scopes`: direct access scopes whose needs for production are met by the request itself; consent scopes
    always begin in the sandbox. `auth_method`: what the client asked for, used where all scopes of an object take it.
    """
    wanted = [catalogue.scopes[scope] for scope in dict.fromkeys(scope_ids)]
    admins = dict.fromkeys(scope.grant_admin_scope for scope in wanted if scope.grant_admin_scope)
    wanted += [catalogue.scopes[admin] for admin in admins if admin not in scope_ids]
    groups: dict[tuple[object, ...], list[Scope]] = {}
    for scope in wanted:
        key = (*_group_key(scope, production_scopes, auth_method), catalogue.asks_for_login([scope.id]))
        groups.setdefault(key, []).append(scope)
    planned = [_planned(members, production_scopes, auth_method) for members in groups.values()]
    return sorted(planned, key=lambda client: client.scopes != (CLIENT_ADMIN,))


def chosen_auth_method(scope: Scope, asked: str | None) -> str | None:
    """The authentication of a Client Object with this scope; None for scopes that know no token request."""
    if asked in scope.auth_methods:
        return asked
    if SECRET_BASIC in scope.auth_methods:
        return SECRET_BASIC
    return scope.auth_methods[0] if scope.auth_methods else None


def _group_key(scope: Scope, production_scopes: frozenset[str], asked: str | None) -> tuple[object, ...]:
    if scope.kind in {ScopeKind.CLIENT_ADMIN, ScopeKind.GRANT_ADMIN, ScopeKind.FILES}:
        return (scope.kind, scope.id)
    method = chosen_auth_method(scope, asked)
    return (scope.kind, frozenset(scope.response_types), frozenset(scope.grant_types), method, scope.id in production_scopes)


def _planned(members: Sequence[Scope], production_scopes: frozenset[str], asked: str | None) -> PlannedClient:
    first = members[0]
    sandbox = first.kind is ScopeKind.CONSENT or (first.kind is ScopeKind.DIRECT and first.id not in production_scopes)
    return PlannedClient(
        kind=first.kind,
        scopes=tuple(scope.id for scope in members),
        response_types=first.response_types,
        grant_types=first.grant_types,
        auth_method=chosen_auth_method(first, asked),
        environment="sandbox" if sandbox else "production",
    )
