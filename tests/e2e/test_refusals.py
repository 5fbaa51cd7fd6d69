"""What a client must not get: another client's objects, another customer's data, an environment that is not its own, what has ended."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cds_cli.journey.story import CONSENT_TYPES, INVITE, Story, set_up, sign_in
from cds_cli.journey.wire import Wire
from cds_local.stack import LocalStack
from tests.e2e.support import LISTINGS, QUERIES, active, authorize, listing, newcomer, query, until

pytestmark = [pytest.mark.slow]

REFUSAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Two:
    """Two registrations that know each other's ids; ode authorized the first one, bakery the second."""

    first: Story
    second: Story
    grant: dict[str, Any]
    token: dict[str, Any]
    other_token: dict[str, Any]

    @property
    def admin(self) -> str:
        """The second registration's admin token."""
        return self.second.client.admin_token


@pytest.fixture(scope="module")
def two(loaded: LocalStack) -> Iterator[Two]:
    first, second = (newcomer(loaded, CONSENT_TYPES, consent="cds_usage") for _ in range(2))
    token = authorize(first, "ode", "cds_usage")
    other = authorize(second, "bakery", "cds_usage")
    grant = active(first, token["cds_grant_ids"][0])
    active(second, other["cds_grant_ids"][0])
    yield Two(first, second, grant, token, other)
    first.wire.close()
    second.wire.close()


def _ask(two: Two, method: str, address: str, body: Any = None) -> int:
    return two.second.wire.send(method, address, bearer=two.admin, json_body=body).status_code


@pytest.mark.parametrize(
    ("api", "key", "id_name", "filter_name"),
    [
        ("cds_clients_api", "clients", "client_id", "client_ids"),
        ("cds_credentials_api", "credentials", "credential_id", "credential_ids"),
        ("cds_grants_api", "grants", "grant_id", "grant_ids"),
    ],
)
def test_another_clients_objects_do_not_exist(two: Two, api: str, key: str, id_name: str, filter_name: str) -> None:
    address = two.first.api(api)
    mine = two.first.client.list_all(address, key, two.first.client.admin_token)
    assert mine

    for one in mine[:3]:
        assert two.first.wire.send("GET", f"{address}/{one[id_name]}", bearer=two.first.client.admin_token).status_code == 200
        unknown = two.second.wire.send("GET", f"{address}/{'0' * len(one[id_name])}", bearer=two.admin)
        refused = two.second.wire.send("GET", f"{address}/{one[id_name]}", bearer=two.admin)
        assert (refused.status_code, unknown.status_code) == (404, 404)
        # Nothing tells an id that exists from one that does not.
        told = {"instance": "", "detail": "", "error_description": ""}
        assert {**refused.json(), **told} == {**unknown.json(), **told}
    listed = two.second.client.list_all(address, key, two.admin, {filter_name: " ".join(one[id_name] for one in mine[:20])})
    assert listed == []
    assert not {one[id_name] for one in two.second.client.list_all(address, key, two.admin)} & {one[id_name] for one in mine}


def _messages(answer: httpx.Response) -> set[str]:
    return {one["message_id"] for name in ("outstanding", "unread", "read") for one in answer.json()[name]}


def test_another_clients_messages_do_not_exist(two: Two) -> None:
    address = two.first.api("cds_messages_api")
    mine = _messages(two.first.wire.send("GET", address, bearer=two.first.client.admin_token))
    assert mine

    for message_id in list(mine)[:3]:
        assert two.first.wire.send("GET", f"{address}/{message_id}", bearer=two.first.client.admin_token).status_code == 200
        assert _ask(two, "GET", f"{address}/{message_id}") == 404
        assert _ask(two, "PATCH", f"{address}/{message_id}", {"read": True}) == 404
    asked = two.second.wire.send("GET", address, bearer=two.admin, params={"message_ids": " ".join(mine)})
    assert _messages(asked) == set()
    assert not _messages(two.second.wire.send("GET", address, bearer=two.admin)) & mine


def test_another_clients_objects_cannot_be_changed(two: Two) -> None:
    client = two.first.client.list_all(two.first.api("cds_clients_api"), "clients", two.first.client.admin_token)[0]
    credential = two.first.client.list_all(two.first.api("cds_credentials_api"), "credentials", two.first.client.admin_token)[0]

    assert _ask(two, "PUT", client["cds_client_uri"], client) == 404
    assert (
        _ask(two, "PATCH", f"{two.first.api('cds_credentials_api')}/{credential['credential_id']}", {"client_secret_expires_at": 1}) == 404
    )
    assert _ask(two, "PATCH", f"{two.first.api('cds_grants_api')}/{two.grant['grant_id']}", {"status": "closed"}) == 404
    assert two.first.client.grant(two.grant["grant_id"])["status"] == "active"


def test_another_clients_tokens_are_of_no_use(two: Two) -> None:
    metadata, basic = two.second.client.metadata, two.second.client.credentials["consent"].basic
    refresh = {"grant_type": "refresh_token", "refresh_token": two.token["refresh_token"]}
    taken = two.second.wire.send("POST", metadata["token_endpoint"], basic=basic, form=refresh)
    assert (taken.status_code, taken.json()["error"]) == (400, "invalid_grant")
    seen = two.second.wire.send("POST", metadata["introspection_endpoint"], basic=basic, form={"token": two.token["access_token"]})
    assert seen.json() == {"active": False}
    two.second.wire.send("POST", metadata["revocation_endpoint"], basic=basic, form={"token": two.token["access_token"]})
    assert two.first.wire.send("GET", two.first.api("cds_usagesegments_api"), bearer=two.token["access_token"]).status_code == 200


def test_another_customers_objects_are_not_listed(two: Two) -> None:
    segments = listing(two.first, "usage_segments", two.token["access_token"])
    meters = {meter for segment in segments for meter in segment["related_meterdevices"]}
    assert segments

    own = {one["cds_usagesegment_id"] for one in listing(two.second, "usage_segments", two.other_token["access_token"])}
    assert own
    assert not own & {one["cds_usagesegment_id"] for one in segments}
    for name, ids in (("cds_usagesegment_ids", [s["cds_usagesegment_id"] for s in segments[:5]]), ("cds_meterdevice_ids", sorted(meters))):
        if ids:
            assert listing(two.second, "usage_segments", two.other_token["access_token"], **{name: " ".join(ids)}) == []


def test_a_customer_sees_no_other_customers_receipt(two: Two) -> None:
    issuer = two.first.client.metadata["issuer"]
    two.first.wire.http.cookies.clear()
    sign_in(two.first, f"{issuer}/my", "ode")
    page = two.first.browser.page
    assert page is not None
    authorizations = [a.get("href") for a in page.tree.xpath("//a[@href]") if a.get("href").startswith("/my/")]

    two.second.wire.http.cookies.clear()
    sign_in(two.second, f"{issuer}/my", "bakery")
    other = two.second.browser.page
    assert other is not None
    theirs = {a.get("href") for a in other.tree.xpath("//a[@href]")}
    receipts = {a.get("href") for a in page.tree.xpath("//a[@href]") if "/receipts/" in a.get("href")}
    assert receipts
    assert not receipts & theirs
    for address in authorizations:
        if address not in theirs:
            assert two.second.wire.send("GET", f"{issuer}{address}").status_code in {403, 404}


@pytest.mark.parametrize("key", LISTINGS)
def test_data_apis_refuse_without_a_token_and_without_a_scope(two: Two, key: str) -> None:
    address = two.first.api(LISTINGS[key])
    with httpx.Client(trust_env=False, timeout=30) as http:
        for headers in ({}, {"authorization": "Bearer x.y.z"}, {"authorization": "Basic Og=="}, {"authorization": "Bearer"}):
            anonymous = http.get(address, headers=headers)
            assert anonymous.status_code == 401
            assert anonymous.headers["www-authenticate"].startswith("Bearer")
            assert anonymous.headers["content-type"].startswith("application/problem+json")
    unscoped = two.first.wire.send("GET", address, bearer=two.first.client.admin_token)
    assert unscoped.status_code == 403
    assert 'error="insufficient_scope"' in unscoped.headers["www-authenticate"]


@pytest.mark.parametrize("api", ["cds_clients_api", "cds_credentials_api", "cds_messages_api", "cds_grants_api"])
def test_management_apis_refuse_a_data_token(two: Two, api: str) -> None:
    assert two.first.wire.send("GET", two.first.api(api), bearer=two.token["access_token"]).status_code == 403
    assert two.first.wire.send("GET", two.first.api(api)).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/internal/grants", "/internal/grants/x", "/internal/clients", "/internal/clients/x", "/internal/entitlements/x", "/metrics",
        "/health/ready", "/health/live", "/cds/v1/grants/../../../internal/grants", "/cds/v1/%2e%2e/%2e%2e/internal/grants",
        "//internal/grants", "/%69nternal/grants", "/cds/v1/grants/..%2f..%2f..%2finternal%2fgrants", "/INTERNAL/grants",
    ],
)  # fmt: skip
def test_internal_paths_lead_nowhere(stack: LocalStack, path: str) -> None:
    import socket

    # Written by hand: a client library would tidy the path.
    with socket.create_connection(("127.0.0.1", stack.ports["ingress"]), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status = int(connection.makefile("rb").readline().split()[1])
    assert status in {400, 401, 404}
    if path.startswith(("/internal", "/metrics", "/health")):
        assert status == 404


def test_sandbox_and_production_never_meet(stack: LocalStack, reader: Story) -> None:
    production = Story(Wire(stack.public_url, recorded=False))
    production.client.discover()
    set_up(production.client, list(QUERIES), {"direct": "cds_query_accounts"}, INVITE)
    fields = {"include_account_numbers": True}

    token = query(reader, "cds_query_accounts", **fields)
    sandbox = until("the sandbox's accounts are listed", lambda: listing(reader, "accounts", token) or None)
    real = listing(production, "accounts", query(production, "cds_query_accounts", **fields))

    # L. Brandt and the school district exist in production; the district has a namesake in the sandbox.
    assert "90-4410" not in {one["account_number"] for one in sandbox}
    assert [one["account_number"] for one in real] == ["B-310-77"]
    assert "B-310-77" in {one["account_number"] for one in sandbox}
    assert real[0]["cds_account_id"] not in {one["cds_account_id"] for one in sandbox}
    asked = query(reader, "cds_query_accounts", **fields)
    assert listing(reader, "accounts", asked, cds_account_ids=real[0]["cds_account_id"]) == []
    production.wire.close()


def test_an_ended_grant_is_refused_everywhere_within_a_second(loaded: LocalStack) -> None:
    client = newcomer(loaded, CONSENT_TYPES, consent="cds_usage")
    token = authorize(client, "sun", "cds_usage")
    grant_id = token["cds_grant_ids"][0]
    active(client, grant_id)
    for key in LISTINGS:
        assert client.wire.send("GET", client.api(LISTINGS[key]), bearer=token["access_token"]).status_code == 200

    closed = client.wire.send(
        "PATCH", f"{client.api('cds_grants_api')}/{grant_id}", bearer=client.client.admin_token, json_body={"status": "closed"}
    )
    ended = time.monotonic()
    assert closed.status_code in {200, 202}
    for key in LISTINGS:
        while client.wire.send("GET", client.api(LISTINGS[key]), bearer=token["access_token"]).status_code != 401:
            assert time.monotonic() - ended < REFUSAL_SECONDS, f"{key} still answers"
            time.sleep(0.02)
    assert client.client.grant(grant_id)["status"] == "closed"
    client.wire.close()
