"""Which Client Objects a registration gets."""

import pytest

from cds_registry.domain.client import ClientStatus
from cds_registry.domain.grouping import plan_clients
from cds_registry.domain.scopes import Catalogue, Scope

NONE = frozenset[str]()


def a_scope(name: str, kind: str = "", **members: object) -> Scope:
    values = {
        "response_types": (), "grant_types": ("client_credentials",), "auth_methods": ("client_secret_basic",), "grant_admin_scope": None,
        "requirements": (), "optional": (), "details_types": (name,), "offers_purpose": False,
    }  # fmt: skip
    return Scope(id=name, type=kind or name, **{**values, **members})  # type: ignore[arg-type]


CONSENT = {"response_types": ("code",), "grant_types": ("authorization_code", "refresh_token"), "grant_admin_scope": "ga1"}
CATALOGUE = Catalogue(
    {
        scope.id: scope
        for scope in (
            a_scope("cds_client_admin"), a_scope("ga1", "cds_grant_admin"), a_scope("ga2", "cds_grant_admin"),
            a_scope("direct1"), a_scope("direct2", grant_admin_scope="ga2"), a_scope("consent1", **CONSENT), a_scope("consent2", **CONSENT),
            a_scope("jwt", **CONSENT, auth_methods=("client_secret_basic", "private_key_jwt")),
            a_scope("files1", "cds_server_provided_files", grant_types=(), auth_methods=(), grant_admin_scope="ga1"),
            a_scope("files2", "cds_server_provided_files", grant_types=(), auth_methods=(), grant_admin_scope="ga1"),
        )
    },
    {},
)  # fmt: skip


def groups(*scopes: str, production: frozenset[str] = NONE, method: str | None = None) -> list[tuple[str, ...]]:
    return [each.scopes for each in plan_clients(scopes, CATALOGUE, production_scopes=production, auth_method=method)]


@pytest.mark.req("WG3A-096", "WG102-104", "WG102-105")
def test_scopes_share_an_object_only_when_one_request_can_name_them() -> None:
    assert groups("consent1", "cds_client_admin", "direct1", "consent2", "direct1") == [
        ("cds_client_admin",), ("consent1", "consent2"), ("direct1",), ("ga1",),
    ]  # fmt: skip


def test_admin_grant_admin_and_files_scopes_are_alone_although_their_types_are_equal() -> None:
    assert groups("cds_client_admin", "ga1", "ga2", "files1", "files2", "direct1") == [
        ("cds_client_admin",), ("ga1",), ("ga2",), ("files1",), ("files2",), ("direct1",),
    ]  # fmt: skip


def test_each_grant_admin_scope_that_a_scope_names_comes_once() -> None:
    assert groups("cds_client_admin", "direct2", "consent1", "files1") == [
        ("cds_client_admin",), ("direct2",), ("consent1",), ("files1",), ("ga2",), ("ga1",),
    ]  # fmt: skip


def test_direct_scopes_that_may_begin_in_production_are_apart_from_those_that_may_not() -> None:
    planned = plan_clients(("cds_client_admin", "direct1", "direct2"), CATALOGUE, production_scopes=frozenset({"direct1"}))
    found = {each.scopes: (each.environment, each.status_options) for each in planned}
    assert found[("direct1",)] == ("production", (ClientStatus.PRODUCTION, ClientStatus.DISABLED))
    assert found[("direct2",)] == ("sandbox", (ClientStatus.SANDBOX, ClientStatus.DISABLED))


@pytest.mark.req("WG102-109", "WG102-112", "WG102-124")
def test_consent_begins_in_the_sandbox_whatever_is_opened() -> None:
    planned = plan_clients(("cds_client_admin", "consent1"), CATALOGUE, production_scopes=frozenset({"consent1"}))
    assert {each.scopes: each.status_options for each in planned} == {
        ("cds_client_admin",): (ClientStatus.PRODUCTION,),
        ("consent1",): (ClientStatus.SANDBOX, ClientStatus.DISABLED),
        ("ga1",): (ClientStatus.PRODUCTION, ClientStatus.DISABLED),
    }


def test_an_asked_method_is_taken_where_it_is_offered_and_parts_the_group() -> None:
    assert groups("cds_client_admin", "consent1", "jwt", method="private_key_jwt")[1:3] == [("consent1",), ("jwt",)]
    assert groups("cds_client_admin", "consent1", "jwt")[1] == ("consent1", "jwt")
    files = plan_clients(("cds_client_admin", "files1"), CATALOGUE, production_scopes=NONE)[1]
    assert files.auth_method is None
