"""Small steps that the tests of the whole system share: parties, households, readings, probes of processes."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx

from cds_cli.journey.browser import Page
from cds_cli.journey.client import CALLBACK, Pkce, callback_parameters
from cds_cli.journey.story import SANDBOX_INVITE, Story, set_up, sign_in
from cds_cli.journey.wire import JourneyFailed, Wire, check
from cds_cli.loading.publish import publish, wait_until_taken
from cds_common.events.utility import (
    AccountRecordedV1,
    BillRecordedV1,
    ContractRecordedV1,
    CustomerRecordedV1,
    MeterRecordedV1,
    ReadingsRecordedV1,
    ServicePointRecordedV1,
    UtilityEvent,
)
from cds_local.stack import LocalStack

Json = dict[str, Any]
T = TypeVar("T")
ZONE = ZoneInfo("America/Los_Angeles")
SINCE = datetime(2025, 1, 1, 8, tzinfo=UTC)
QUERIES = (
    "cds_query_accounts", "cds_query_service_contracts", "cds_query_service_points", "cds_query_meter_devices",
    "cds_query_bill_statements", "cds_query_bill_sections", "cds_query_aggregations", "cds_query_usage",
)  # fmt: skip
LISTINGS = {
    "accounts": "cds_accounts_api",
    "service_contracts": "cds_servicecontracts_api",
    "service_points": "cds_servicepoints_api",
    "meter_devices": "cds_meterdevices_api",
    "bill_statements": "cds_billstatement_api",
    "bill_sections": "cds_billsection_api",
    "aggregations": "cds_aggregations_api",
    "usage_segments": "cds_usagesegments_api",
}
"""Every data listing: the key of its objects and the metadata member with its address."""
TAKING_SECONDS = 240
PATIENCE_SECONDS = 60


def send(stack: LocalStack, messages: Iterable[UtilityEvent]) -> None:
    """Publish and wait until the services have taken everything in."""
    finish(stack, begin(stack, messages))


def begin(stack: LocalStack, messages: Iterable[UtilityEvent]) -> Any:
    """Publish only; the broker has acknowledged everything."""
    return asyncio.run(publish(stack.kafka_bootstrap_servers, messages, lambda _event: None))


def finish(stack: LocalStack, sent: Any) -> None:
    """Wait until the services have taken in what was sent."""
    taken = asyncio.run(wait_until_taken(stack.kafka_bootstrap_servers, sent, lambda _left: None, TAKING_SECONDS))
    assert taken, "the services did not take everything in"


def until(what: str, probe: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """Ask again until there is an answer that is not None."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def settles(expected: T, probe: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> None:
    """What follows from several topics is right once the last of them is read: ask until it is, else show the difference."""
    deadline = time.monotonic() + seconds
    while (found := probe()) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found == expected, f"{found!r:.2000} is not {expected!r:.2000}"


def scalar(stack: LocalStack, database: str, query: str) -> Any:
    """One value of a service's database, read as superuser."""

    async def ask() -> Any:
        connection = await asyncpg.connect(stack.postgres.url(scheme="postgresql").rsplit("/", 1)[0] + f"/{database}", timeout=10)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(ask())


def ready(stack: LocalStack, part: str) -> int:
    """Status of a process's readiness; 0 when nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{stack.ports[part]}/health/ready", timeout=5, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def everybody_ready(stack: LocalStack) -> None:
    """Wait until all twelve processes are ready."""
    waiting = {name for name in stack.part_names if name.endswith(("-api", "-worker"))}

    def probe() -> bool | None:
        for name in list(waiting):
            if ready(stack, name) == 200:
                waiting.discard(name)
        return True if not waiting else None

    deadline = time.monotonic() + 180
    while probe() is None:
        assert time.monotonic() < deadline, f"not ready: {sorted(waiting)}"
        time.sleep(0.2)


def newcomer(stack: LocalStack, scope_types: Sequence[str], **kinds: str) -> Story:
    """A Client of the sandbox; `kinds` names its Client Objects by a scope type of each."""
    story = Story(Wire(stack.public_url, recorded=False))
    story.client.discover()
    invited = any(scope_type.startswith("cds_query_") for scope_type in scope_types)
    set_up(story.client, list(scope_types), kinds, SANDBOX_INVITE if invited else None)
    return story


def query(story: Story, scope_type: str, **fields: Any) -> str:
    """Direct access: a token for one query scope whose Grant is active. Without fields it asks for all that the Client may see."""
    scope = story.client.scope_id(scope_type)
    token = story.client.client_credentials("direct", scope, [{"type": scope, **fields}] if fields else None)
    # Named only when it is new: the same question is answered from the same Grant.
    for grant_id in token.get("cds_grant_ids", ()):
        active(story, grant_id)
    return str(token["access_token"])


def listing(story: Story, key: str, token: str, **params: str) -> list[Json]:
    """All objects of a data listing."""
    return story.client.list_all(story.api(LISTINGS[key]), key, token, params)


def authorize(story: Story, login: str, scope_type: str) -> Json:
    """The customer logs in and authorizes one scope for all of their services; returns the token answer."""
    details = {"contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection"}
    details |= {"include_service_contracts": True, "include_contract_numbers": True, "include_meter_devices": True}
    return agree(story, login, {"type": story.client.scope_id(scope_type), **details})


def agree(story: Story, login: str, *details: Json, everything: bool = False, **more: str) -> Json:
    """The customer logs in and authorizes what is asked, with what is ticked at load or with every box; returns the token answer."""
    client, pkce, state = story.client, Pkce(), f"e2e {login}"
    parameters = {
        "response_type": "code", "client_id": client.credentials["consent"].client_id, "redirect_uri": CALLBACK,
        "scope": " ".join(each["type"] for each in details), "state": state, "code_challenge": pkce.challenge,
        "code_challenge_method": "S256", "authorization_details": json.dumps(details), **more,
    }  # fmt: skip
    story.wire.http.cookies.clear()
    page = sign_in(story, until("auth has heard of the redirect URI", lambda: _pushed(story, parameters)), login)
    check(isinstance(page, Page), f"the consent form is shown, not {page}")
    form = story.browser.form("Authorize")
    if everything:
        boxes = form.element.xpath('.//input[@type="checkbox"]')
        form.values = list(dict.fromkeys([*form.values, *((str(box.get("name")), str(box.get("value"))) for box in boxes)]))
    back = story.browser.submit(form, "Authorize")
    check(isinstance(back, str), f"back at the client: {back.words()[:300] if isinstance(back, Page) else ''}")
    code = callback_parameters(str(back), state, client.metadata["issuer"])["code"]
    redeeming = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier}
    return client.token("consent", redeeming)


def _pushed(story: Story, parameters: dict[str, str]) -> str | None:
    """The browser's address; None while auth has not heard of a redirect URI that was set just now."""
    try:
        return story.client.push("consent", parameters)
    except JourneyFailed as failed:
        if "redirect_uri is not registered" in str(failed):
            return None
        raise


def active(story: Story, grant_id: str) -> Json:
    """Wait until the Grant is active."""
    return until(f"{grant_id} is active", lambda: g if (g := story.client.grant(grant_id))["status"] == "active" else None)


def household(number: str, *, customer: str | None = None, at: datetime = SINCE) -> list[UtilityEvent]:
    """A customer with one account, contract, point and meter, all named after `number`; or another home of `customer`."""
    base: Json = {"environment": "sandbox", "source_time": at}
    owner = customer or f"C-{number}"
    person = CustomerRecordedV1(
        **base, customer_ref=owner, customer_number=f"CU-{number}", name=f"Home {number}", login_name=number.lower()
    )
    return [
        *([] if customer else [person]),
        AccountRecordedV1(
            **base, account_ref=f"AC-{number}", customer_refs=[owner], account_number=number, account_types=["customer", "residential"]
        ),
        ContractRecordedV1(
            **base, contract_ref=f"CT-{number}", account_ref=f"AC-{number}", contract_number=number, contract_types=["utility_service"],
            contract_start=date(2025, 1, 1), service_types=["electric"], rateplan_code="FLT-H", rateplan_name="Flat Home",
        ),
        ServicePointRecordedV1(
            **base, servicepoint_ref=f"SP-{number}", servicepoint_number=number, servicepoint_types=["electric"],
            current_contract_refs=[f"CT-{number}"],
        ),
        MeterRecordedV1(
            **base, meter_ref=f"MT-{number}", meter_number=number, meter_types=["electric_usage", "forward_only"],
            placements=[{"servicepoint_ref": f"SP-{number}", "start": SINCE}],  # type: ignore[list-item]
        ),
    ]  # fmt: skip


def readings(number: str, day: date, values: Sequence[int], *, at: datetime | None = None) -> ReadingsRecordedV1:
    """Watt-hours from the local midnight of `day` on, as kWh with three digits."""
    start = datetime.combine(day, clock_time(0), ZONE)
    return ReadingsRecordedV1(
        environment="sandbox", source_time=at or start.astimezone(UTC) + timedelta(days=2), servicepoint_ref=f"SP-{number}",
        meter_ref=f"MT-{number}", shape={"value_type": "electric_usage", "units": "kWh", "direction": "forward"},  # type: ignore[arg-type]
        quality="valid", start=start.astimezone(UTC), interval_seconds=900, decimals=3, values=list(values),
    )  # fmt: skip


def bill(number: str, issued: date, amount: Decimal) -> BillRecordedV1:
    """A bill with one section."""
    ref = f"{number}-{issued:%Y%m%d}"
    return BillRecordedV1.model_validate(
        {
            "environment": "sandbox", "source_time": datetime.combine(issued, clock_time(9), UTC), "statement_ref": f"ST-{ref}",
            "account_ref": f"AC-{number}", "account_number": number, "statement_date": issued, "currency": "USD", "amount_due": amount,
            "amount_due_date": issued + timedelta(days=20),
            "sections": [
                {
                    "section_ref": f"BS-{ref}", "account_ref": f"AC-{number}", "account_number": number, "section_types": ["electric"],
                    "start_date": issued - timedelta(days=30), "end_date": issued - timedelta(days=1), "currency": "USD",
                    "contract_refs": [f"CT-{number}"],
                }
            ],
        }
    )  # fmt: skip


def billed(account: str, service: str, amount: str) -> BillRecordedV1:
    """A bill of today for one service."""
    today = datetime.now(ZONE).date()
    event = bill(account, today, Decimal(amount))
    return event.model_copy(update={"sections": [each.model_copy(update={"contract_refs": [f"CT-{service}"]}) for each in event.sections]})


def said_now(event: UtilityEvent, **changes: Any) -> UtilityEvent:
    """The same object as the utility's system tells it now, with changes."""
    now = datetime.now(UTC)
    return event.model_copy(update={"event_id": uuid4(), "occurred_at": now, "source_time": now, **changes})


def energy(segments: Iterable[Json]) -> tuple[int, Decimal]:
    """How many values of electric usage the segments hold, and their sum, as the client reads them."""
    cells = [cell["eu"] for segment in segments for row in segment["values"] for cell in row if cell is not None and "eu" in cell]
    return len(cells), sum((Decimal(cell) for cell in cells), Decimal(0))
