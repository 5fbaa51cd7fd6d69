"""The route table is the ingress's only way in: every path has one owner, and nothing private is in it."""

from pathlib import Path

import pytest

from cds_local import envoy
from cds_local.routes import PRIVATE_PREFIXES, SERVICES, public_routes, service_of
from cds_local.scheduling import group_of


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "registry"),
        ("/.well-known/cds-server-metadata.json", "registry"),
        ("/.well-known/oauth-authorization-server", "registry"),
        ("/oauth/register", "registry"),
        ("/cds/v1/clients/c1", "registry"),
        ("/cds/v1/credentials", "registry"),
        ("/oauth/token", "auth"),
        ("/oauth/jwks.json", "auth"),
        ("/cds/v1/grants/g1", "auth"),
        ("/my", "auth"),
        ("/my/authorizations", "auth"),
        ("/cds/v1/accounts", "accounts"),
        ("/cds/v1/service-points", "accounts"),
        ("/cds/v1/bill-files/f1", "billing"),
        ("/cds/v1/usage-segments", "usage"),
        ("/cds/v1/eacs", "usage"),
        ("/cds/v1/aggregations/a1", "aggregation"),
        ("/espi/1_1/resource/Batch/Subscription/g1", "usage"),
        ("/espi/1_1/resource/Subscription/g1/UsagePoint", "usage"),
        ("/espi/1_1/resource/UsageSummary/u1", "billing"),
        ("/espi/1_1/resource/Batch/RetailCustomer/g1", "accounts"),
        ("/openapi/billing.json", "billing"),
        ("/asyncapi/usage.json", "usage"),
    ],
)
def test_public_path_leads_to_its_owner(path: str, service: str) -> None:
    assert service_of(path) == service


@pytest.mark.parametrize(
    "path",
    [
        "/mything",
        "/cds/v1/accountsx",
        "/cds/v1",
        "/oauth",
        "/oauth/token/x",
        "/openapi/other.json",
        "/internal/grants",
        "/metrics",
        "/health/ready",
        "/.well-known/other",
        "/index.html",
    ],
)
def test_other_path_leads_nowhere(path: str) -> None:
    assert service_of(path) is None


def test_no_route_reaches_a_private_path() -> None:
    for prefix in PRIVATE_PREFIXES:
        assert [route for route in public_routes() if route.matches(prefix) or route.path.startswith(prefix + "/")] == []


def test_no_two_routes_claim_one_path() -> None:
    routes = list(public_routes())
    for route in routes:
        assert [other for other in routes if other.matches(route.path)] == [route]


def test_tests_that_share_a_stack_run_in_one_worker() -> None:
    assert group_of("tests/e2e/test_a.py::test[x::y]") == group_of("tests/e2e/deeper/test_b.py::Test::test") == "tests/e2e/"
    assert group_of("libs/cds_common/tests/test_a.py::test") == "libs/cds_common/tests/test_a.py"


def test_every_service_can_be_reached() -> None:
    assert {route.service for route in public_routes()} == set(SERVICES)


@pytest.mark.parametrize(
    "path", ["/cds/v1/usage-segments", "/cds/v1/bill-sections", "/export/v1", "/cds/v1/metadata", "/openapi/usage.json"]
)
def test_answers_of_data_and_metadata_are_compressed(path: str) -> None:
    assert [route.compressed for route in public_routes() if route.matches(path)] == [True]


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/register", "/cds/v1/credentials", "/consent", "/my", "/login", "/operator", "/"])
def test_answers_with_secrets_are_not(path: str) -> None:
    assert [route.compressed for route in public_routes() if route.matches(path)] == [False]


def test_the_ingress_compresses_only_where_the_table_says_so(tmp_path: Path) -> None:
    made = envoy.configuration(port=1, admin_port=2, services={}, access_log=tmp_path / "log")
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    led = {one["match"].get("path") or one["match"]["path_separated_prefix"]: one for one in host["routes"] if "route" in one}
    for route in public_routes():
        off = led[route.path].get("typed_per_filter_config", {})
        assert [off.get(name, {}).get("disabled", False) for name in ("gzip", "zstd")] == [not route.compressed] * 2
    names = [one["name"] for one in manager["http_filters"]]
    assert names[-1] == "router"
    assert {"gzip", "zstd"} < set(names)
