"""Any process may be killed at any moment: nothing that was acknowledged is lost, and nothing is done twice."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import httpx
import pytest

from cds_cli.journey.story import Story
from cds_common.events.utility import AggregationRecordedV1
from cds_local.routes import SERVICES
from cds_local.stack import LocalStack
from tests.e2e.conftest import RELAY_AGE_LIMIT
from tests.e2e.support import (
    LISTINGS,
    QUERIES,
    SINCE,
    active,
    authorize,
    begin,
    bill,
    energy,
    everybody_ready,
    finish,
    household,
    listing,
    newcomer,
    query,
    readings,
    ready,
    scalar,
    send,
    settles,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("whole")]

FIRST = date(2026, 2, 1)
"""A month without a change of clocks: 96 quarter hours a day."""
INBOX = "SELECT count(*) FROM inbox WHERE consumer LIKE '%{}%'"


def seen(stack: LocalStack, service: str, consumer: str) -> Callable[[], bool]:
    """Whether the consumer has committed messages since now."""
    before = int(scalar(stack, service, INBOX.format(consumer)))
    return lambda: int(scalar(stack, service, INBOX.format(consumer))) > before


def outbox(stack: LocalStack, service: str) -> int:
    """Events that are not published yet."""
    return int(scalar(stack, service, "SELECT count(*) FROM outbox WHERE published_at IS NULL"))


KILLED_METERS = [f"KU-{n}" for n in range(6)]
KILLED_BLOCK = [f"KG-{n:02d}" for n in range(16)]
KILLED_HOMES = [f"KA-{n:03d}" for n in range(40)]
KILLED_BILLS = [date(2025, 3, 1) + timedelta(days=n) for n in range(120)]


@pytest.fixture(scope="module")
def interrupted(loaded: LocalStack) -> LocalStack:
    """Homes, readings, bills and the values of a group come in at once; each of the four workers is killed while it takes its own in."""
    block = AggregationRecordedV1(
        environment="sandbox", source_time=SINCE, aggregation_ref="AGG-KG", aggregation_number="KG-BLOCK", name="Block of sixteen",
        aggregation_types=["confidential", "building"], servicepoint_refs=[f"SP-{number}" for number in KILLED_BLOCK],
    )  # fmt: skip
    known = [*KILLED_METERS, *KILLED_BLOCK, "KB-1"]
    send(loaded, [*(event for number in known for event in household(number)), block])
    days = [FIRST + timedelta(days=n) for n in range(28)]
    begun = {
        "billing-worker": seen(loaded, "billing", "bill"),
        "accounts-worker": seen(loaded, "accounts", "account"),
        "usage-worker": seen(loaded, "usage", "reading"),
        "aggregation-worker": seen(loaded, "aggregation", "usage"),
    }
    sent = begin(
        loaded,
        [
            *(event for number in KILLED_HOMES for event in household(number)),
            *(bill("KB-1", day, Decimal("10.25")) for day in KILLED_BILLS),
            *(readings(number, day, [1000 + n] * 96) for day in days for n, number in enumerate(KILLED_METERS)),
            *(readings(number, day, [250] * 96) for day in days[:4] for number in KILLED_BLOCK),
        ],
    )
    for part, work in begun.items():
        until(f"{part} has begun", lambda w=work: True if w() else None)
        loaded.kill(part)
        loaded.start(part, wait=False)
    finish(loaded, sent)
    return loaded


def test_usage_worker_killed_while_readings_come_in(interrupted: LocalStack, reader: Story) -> None:
    token = query(reader, "cds_query_usage", account_numbers=KILLED_METERS, segment_start="P3Y")
    # 6 meters of 28 days of 96 values: 1.000, 1.001 ... 1.005 kWh.
    settles((6 * 28 * 96, 28 * 96 * Decimal("6.015")), lambda: energy(listing(reader, "usage_segments", token)))
    settles(0, lambda: outbox(interrupted, "usage"))


def test_billing_worker_killed_while_bills_come_in(interrupted: LocalStack, reader: Story) -> None:
    token = query(reader, "cds_query_bill_statements", account_numbers=["KB-1"], statement_date_start="infinite")
    settles(
        [(day.isoformat(), Decimal("10.25")) for day in KILLED_BILLS],
        lambda: sorted((s["statement_date"], s["amount_due"]) for s in listing(reader, "bill_statements", token)),
    )
    token = query(reader, "cds_query_bill_sections", account_numbers=["KB-1"], start_date="P7Y")
    settles(120, lambda: len(listing(reader, "bill_sections", token)))
    settles(0, lambda: outbox(interrupted, "billing"))


def test_accounts_worker_killed_while_customers_come_in(interrupted: LocalStack, reader: Story) -> None:
    for scope_type, key, name in (
        ("cds_query_accounts", "accounts", "account_number"),
        ("cds_query_service_contracts", "service_contracts", "contract_number"),
        ("cds_query_meter_devices", "meter_devices", "meter_number"),
    ):
        include = {"include_account_numbers": True, "include_contract_numbers": True, "include_meter_numbers": True}
        token = query(reader, scope_type, account_numbers=KILLED_HOMES, **include)
        settles(KILLED_HOMES, lambda t=token, k=key, n=name: sorted(item[n] for item in listing(reader, k, t)))
    # What accounts says about them has reached the others: usage knows each point.
    known = "SELECT count(*) FROM resource WHERE kind = 'service_point' AND number LIKE 'KA-%'"
    settles(40, lambda: scalar(interrupted, "usage", known))


@pytest.mark.usefixtures("interrupted")
def test_aggregation_worker_killed_while_sums_are_made(reader: Story) -> None:
    # Sixteen equal homes are above the threshold: no consent is needed.
    token = query(reader, "cds_query_usage", aggregation_numbers=["KG-BLOCK"], include_aggregations=True, segment_start="P3Y")
    expected = (4 * 96, 4 * 96 * Decimal("4.000"))
    settles(expected, lambda: energy(listing(reader, "usage_segments", token)))


def test_auth_worker_killed_while_a_customer_decides(stack: LocalStack) -> None:
    client = newcomer(stack, ["cds_usage"], consent="cds_usage")
    stack.kill("auth-worker")

    token = authorize(client, "ode", "cds_usage")
    grant_id = token["cds_grant_ids"][0]
    assert client.client.grant(grant_id)["status"] == "pending"
    assert listing(client, "usage_segments", token["access_token"]) == []

    stack.start("auth-worker")
    active(client, grant_id)
    contracts = {c for s in listing(client, "usage_segments", token["access_token"]) for c in s["related_servicecontracts"]}
    assert listing(client, "usage_segments", token["access_token"])
    assert len(contracts) <= 1
    client.wire.close()


def test_registry_worker_killed_does_not_hold_up_a_newcomer(stack: LocalStack) -> None:
    stack.kill("registry-worker")

    client = newcomer(stack, [*QUERIES, "cds_usage"], direct="cds_query_usage", consent="cds_usage")
    assert listing(client, "accounts", query(client, "cds_query_accounts"))
    assert outbox(stack, "registry") > 0

    stack.start("registry-worker")
    settles(0, lambda: outbox(stack, "registry"))
    token = authorize(client, "ode", "cds_usage")
    active(client, token["cds_grant_ids"][0])
    client.wire.close()


def _hammer(work: Callable[[], object], stop: threading.Event) -> int:
    """Repeat `work` until `stop`; refusals of a dead process do not count as done."""
    done = 0
    while not stop.is_set():
        try:
            work()
        except (httpx.HTTPError, AssertionError):
            time.sleep(0.05)
        else:
            done += 1
    return done


def test_registry_api_killed_keeps_every_acknowledged_registration(stack: LocalStack) -> None:
    answered: list[dict[str, str]] = []
    stop = threading.Event()

    def register() -> None:
        with httpx.Client(base_url=stack.public_url, timeout=10, trust_env=False) as http:
            body = {
                "scope": "cds_client_admin",
                "client_name": "Hammer",
                "client_uri": "https://hammer.example",
                "contacts": ["a@b.example"],
            }
            response = http.post("/oauth/register", json=body)
            assert response.status_code == 201
            answered.append(response.json())
            time.sleep(0.05)

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(_hammer, register, stop) for _ in range(2)]
        until("registrations", lambda: True if len(answered) >= 3 else None)
        stack.kill("registry-api")
        before = len(answered)
        stack.start("registry-api")
        until("more registrations", lambda: True if len(answered) > before else None)
        stop.set()
        assert sum(worker.result() for worker in working) == len(answered)

    with httpx.Client(base_url=stack.public_url, timeout=30, trust_env=False) as http:
        for client in answered:
            form = {"grant_type": "client_credentials", "scope": "cds_client_admin"}
            token = http.post("/oauth/token", data=form, auth=(client["client_id"], client["client_secret"]))
            assert token.status_code == 200
            listed = http.get("/cds/v1/clients", headers={"authorization": f"Bearer {token.json()['access_token']}"})
            assert client["client_id"] in [one["client_id"] for one in listed.json()["clients"]]


def test_auth_api_killed_keeps_every_acknowledged_grant(stack: LocalStack, reader: Story) -> None:
    answered: list[tuple[str, str]] = []
    stop = threading.Event()
    basic = reader.client.credentials["direct"].basic
    scope = reader.client.scope_id("cds_query_accounts")

    def ask() -> None:
        with httpx.Client(base_url=stack.public_url, timeout=10, trust_env=False) as http:
            # Each asks for something else, so each makes a Grant.
            details = [{"type": scope, "account_numbers": ["77-0001", f"KT-{uuid.uuid4().hex}"]}]
            form = {"grant_type": "client_credentials", "scope": scope, "authorization_details": json.dumps(details)}
            response = http.post("/oauth/token", data=form, auth=basic)
            assert response.status_code == 200
            answered.append((response.json()["access_token"], response.json()["cds_grant_ids"][0]))

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(_hammer, ask, stop) for _ in range(2)]
        until("tokens", lambda: True if len(answered) >= 4 else None)
        stack.kill("auth-api")
        before = len(answered)
        stack.start("auth-api")
        until("more tokens", lambda: True if len(answered) > before else None)
        stop.set()
        assert sum(worker.result() for worker in working) == len(answered)

    granted = {g["grant_id"] for g in reader.client.list_all(reader.api("cds_grants_api"), "grants", reader.client.admin_token)}
    assert {grant for _, grant in answered} <= granted
    for token in (answered[0][0], answered[before - 1][0], answered[-1][0]):
        settles(1, lambda t=token: len(listing(reader, "accounts", t)))


def test_kafka_away_and_back(stack: LocalStack, reader: Story) -> None:
    client = newcomer(stack, ["cds_usage"], consent="cds_usage")
    token = authorize(client, "bakery", "cds_usage")
    active(client, token["cds_grant_ids"][0])
    shown = listing(client, "usage_segments", token["access_token"])
    assert shown
    direct = query(reader, "cds_query_accounts")

    stack.kill("kafka")
    # Older than the staleness limit (5 s): each request is confirmed at auth, and answered.
    time.sleep(6)
    assert listing(client, "usage_segments", token["access_token"]) == shown
    assert listing(reader, "accounts", direct)
    late = newcomer(stack, ["cds_usage"], consent="cds_usage")
    assert outbox(stack, "registry") > 0
    until("registry's worker says so", lambda: True if ready(stack, "registry-worker") == 503 else None, RELAY_AGE_LIMIT + 20)

    # An end of access does not wait for the bus either.
    address = f"{client.api('cds_grants_api')}/{token['cds_grant_ids'][0]}"
    closed = client.wire.send("PATCH", address, bearer=client.client.admin_token, json_body={"status": "closed"})
    assert closed.status_code in {200, 202}
    segments = client.api(LISTINGS["usage_segments"])
    until(
        "usage refuses",
        lambda: True if client.wire.send("GET", segments, bearer=token["access_token"]).status_code == 401 else None,
        1.0,
    )

    stack.start("kafka")
    for service in SERVICES:
        settles(0, lambda s=service: outbox(stack, s))
    everybody_ready(stack)
    active(late, authorize(late, "bakery", "cds_usage")["cds_grant_ids"][0])
    client.wire.close()
    late.wire.close()


def test_postgres_away_and_back(stack: LocalStack, reader: Story) -> None:
    direct = query(reader, "cds_query_accounts")
    before = listing(reader, "accounts", direct)
    assert before

    stack.kill("postgres")
    refused = reader.wire.send("GET", reader.api(LISTINGS["accounts"]), bearer=direct)
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    for part in ("accounts-api", "accounts-worker", "auth-api"):
        until(f"{part} says so", lambda p=part: True if ready(stack, p) == 503 else None, 30)
    # The bus goes on taking what the utility sends.
    sent = begin(stack, household("KP-1"))

    stack.start("postgres")
    everybody_ready(stack)
    assert all(stack.alive(part) for part in stack.part_names)
    finish(stack, sent)
    ids = {account["cds_account_id"] for account in before}
    settles(len(ids) + 1, lambda: len(listing(reader, "accounts", direct)))
    assert ids < {account["cds_account_id"] for account in listing(reader, "accounts", direct)}
