"""The consent form, and the way from the approval to data."""

import json
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

from cds_cli.journey.client import CALLBACK, Pkce, callback_parameters
from cds_cli.journey.story import sign_in
from cds_cli.journey.wire import JourneyFailed
from cds_common.events.utility import AccountRecordedV1, ContractRecordedV1, UtilityEvent
from tests.bench.frame import Benchmark, Figure, Goal, percentiles
from tests.bench.world import World
from tests.e2e.support import SINCE, active, until

MANY, FEW, IN_ACCOUNT = 5_000, 10, 50
FORMS = 40
APPROVALS = 30


def _entries(customer: str, account: str, count: int) -> Iterator[UtilityEvent]:
    """`count` contracts in accounts of at most 50."""
    for number, first in enumerate(range(0, count, IN_ACCOUNT)):
        yield from _contracts(customer, f"{account}{number}", min(IN_ACCOUNT, count - first))


def _contracts(customer: str, account: str, count: int) -> Iterator[UtilityEvent]:
    base: dict[str, Any] = {"environment": "sandbox", "source_time": SINCE}
    yield AccountRecordedV1(
        **base, account_ref=f"AC-{account}", customer_refs=[customer], account_number=account, account_types=["customer"]
    )
    for number in range(count):
        yield ContractRecordedV1(
            **base, contract_ref=f"CT-{account}-{number}", account_ref=f"AC-{account}", contract_number=f"{account}-{number:04d}",
            contract_types=["utility_service"], contract_start=date(2025, 1, 1), service_types=["electric"], rateplan_code="FLT-H",
            rateplan_name="Flat Home",
        )  # fmt: skip


def form(world: World) -> Iterator[Figure]:
    """The GET of the form by a customer who is logged in: choice, selection, wording, HTML; through the ingress."""
    world.send([*_entries("C-ODE", "BF", FEW - 1), *_entries("C-SCHOOLS", "BG", MANY - 1)])
    for login, entries, limit in (("ode", FEW, 120), ("schools", MANY, 400)):
        world.client.wire.http.cookies.clear()
        sign_in(world.client, pushed(world, Pkce()), login)
        page = world.client.browser.page
        assert page is not None
        boxes = len(page.tree.xpath('//input[@type="checkbox"]'))
        waits = list[float]()
        size = 0
        for _ in range(FORMS + 2):
            began = time.perf_counter()
            answer = world.client.wire.http.get(page.url, follow_redirects=False)
            waits.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200
            size = len(answer.content)
        taken = percentiles(waits[2:])
        note = f"{boxes} boxes on the page, {size / 1024:.0f} KiB; {FORMS} loads one after the other"
        yield Figure(
            f"consent form with {entries:,} entries", "ms", [taken["p50"]], (), (), taken, (Goal("p95", limit, at_most=True),), note
        )


def pushed(world: World, pkce: Pkce) -> str:
    client = world.client.client
    scope = client.scope_id("cds_usage")
    details = [{"type": scope, "contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection"}]
    parameters = {
        "response_type": "code", "client_id": client.credentials["consent"].client_id, "redirect_uri": CALLBACK, "scope": scope,
        "state": "bench", "code_challenge": pkce.challenge, "code_challenge_method": "S256", "authorization_details": json.dumps(details),
    }  # fmt: skip
    return until("auth has heard of the redirect URI", lambda: _push(world, parameters))


def _push(world: World, parameters: dict[str, str]) -> str | None:
    try:
        return world.client.client.push("consent", parameters)
    except JourneyFailed:
        return None


def approval(world: World) -> Iterator[Figure]:
    """From the moment the customer presses Authorize until the Grants API says `active`; the token answer lies in between."""
    waits = list[float]()
    world.client.wire.http.cookies.clear()
    for _ in range(APPROVALS):
        pkce = Pkce()
        sign_in(world.client, pushed(world, pkce), "moss")
        pressed = world.client.browser.form("Authorize")
        began = time.perf_counter()
        back = world.client.browser.submit(pressed, "Authorize")
        code = callback_parameters(str(back), "bench", world.client.client.metadata["issuer"])["code"]
        redeeming = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": pkce.verifier}
        token = world.client.client.token("consent", redeeming)
        active(world.client, token["cds_grant_ids"][0])
        waits.append((time.perf_counter() - began) * 1000)
        world.client.wire.exchanges.clear()
    taken = percentiles(waits)
    note = f"{APPROVALS} approvals, with the redirect, the token request and the Grants API's answer"
    yield Figure("approval to an active Grant", "ms", [taken["p50"]], (), (), taken, (Goal("p95", 1000, at_most=True),), note)


FORM = Benchmark("form", "The consent form", form)
APPROVAL = Benchmark("approval", "Approval to active", approval)
