"""`/internal/preselections`: whether direct access that names what it wants would find anything (CDS-WG3-01 §7.4.3)."""

from typing import Any

import httpx
import pytest

from cds_common.events.clients import DirectPermission
from cds_common.internal import sign_call
from services.accounts.tests.builders import a_home, an_entry
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import EVERYTHING

PATH = "/internal/preselections"


class _As:
    def __init__(self, settings: Any, service: str) -> None:
        self.internal_key, self.service = settings.internal_key, service


async def asked(world: World, settings: Any, service: str = "auth", environment: str = "sandbox", **entry: Any) -> httpx.Response:
    body = {"environment": environment, "entry": an_entry(**entry).model_dump(mode="json")}
    token = sign_call(_As(settings, service), audience="accounts")  # type: ignore[arg-type]
    return await world.client.post(PATH, json=body, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.req("WG3B-252")
@pytest.mark.parametrize(
    ("scope_type", "permission", "fields", "matches"),
    [
        ("cds_query_accounts", EVERYTHING, {"account_numbers": ["No-A1"]}, True),
        ("cds_query_accounts", EVERYTHING, {"account_numbers": ["does-not-exist"]}, False),
        ("cds_query_accounts", EVERYTHING, {"account_numbers": ["No-A1", "does-not-exist"]}, True),
        ("cds_query_accounts", EVERYTHING, {"account_numbers": ["No-A1"], "contract_numbers": ["No-C2"]}, False),
        ("cds_query_accounts", DirectPermission(account_refs=["A2"]), {"account_numbers": ["No-A1"]}, False),
        ("cds_query_accounts", DirectPermission(account_refs=["A2"]), {"account_numbers": ["No-A2"]}, True),
        ("cds_query_bill_statements", EVERYTHING, {"account_numbers": ["No-A2"]}, True),
        ("cds_query_usage", EVERYTHING, {"meter_numbers": ["No-M1"]}, True),
        ("cds_query_usage", EVERYTHING, {"meter_numbers": ["No-M9"]}, False),
        ("cds_query_usage", EVERYTHING, {"aggregation_numbers": ["B-9"]}, False),
    ],
)
async def test_only_what_the_client_may_see_and_what_is_there_matches(
    world: World, settings: Any, *, scope_type: str, permission: DirectPermission, fields: dict[str, Any], matches: bool
) -> None:
    await world.tell(*a_home("1"), *a_home("2"))
    answer = await asked(world, settings, scope_type=scope_type, permission=permission, **fields)
    assert (answer.status_code, answer.json()) == (200, {"matches": matches})
    elsewhere = await asked(world, settings, environment="production", scope_type=scope_type, permission=permission, **fields)
    assert elsewhere.json() == {"matches": False}


async def test_only_auth_may_ask(world: World, settings: Any) -> None:
    for service in ("usage", "registry"):
        answer = await asked(world, settings, service, scope_type="cds_query_accounts", permission=EVERYTHING, account_numbers=["No-A1"])
        assert answer.status_code == 401
    assert (await world.client.post(PATH, json={})).status_code == 401
