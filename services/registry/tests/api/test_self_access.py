"""Customers who are their own client: a login decides what the Client Objects see (CDS-WG3-01 §4.1, §4.2)."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from cds_common.events.clients import DirectPermission
from cds_common.internal import sign_call
from cds_registry.persistence.clients import find_client
from cds_registry.settings import Settings
from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits

SELF = "cds_query_accounts_self_hlp cds_query_usage_self_hlp"
DIRECT = "cds_query_accounts_hlp"


class Auth:
    """auth as registry's internal API sees it."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry, self._settings = registry, settings

    def headers(self, service: str = "auth") -> dict[str, str]:
        class Peer:
            internal_key = self._settings.internal_key

        Peer.service = service  # type: ignore[attr-defined]
        return {"Authorization": f"Bearer {sign_call(Peer(), audience='registry')}"}  # type: ignore[arg-type]

    async def connect(self, step: str, customer: UUID, environment: str = "sandbox") -> int:
        body = {"customer_id": str(customer), "environment": environment}
        answer = await self._registry.http.put(f"/internal/steps/{step}/customer", json=body, headers=self.headers())
        return answer.status_code

    async def disconnect(self, step: str, customer: UUID) -> int:
        answer = await self._registry.http.delete(f"/internal/steps/{step}/customers/{customer}", headers=self.headers())
        return answer.status_code


@pytest.fixture
def auth(registry: Registry, settings: Settings) -> Auth:
    return Auth(registry, settings)


async def login_step(party: Party) -> dict[str, Any]:
    (step,) = [each for each in await party.messages("outstanding") if each["type"] == "online_form_request"]
    return step


async def customers_of(registry: Registry, party: Party, environment: str) -> list[UUID] | None:
    """Whose data the registration's own-data object of an environment may see."""
    found = []
    for each in await party.clients():
        if "_self_" in each["scope"] and each["cds_status"] == environment:
            async with registry.sessions.begin() as tx:
                client = await find_client(tx, each["client_id"])
            assert client is not None
            assert client.permission is not None
            assert client.permission == DirectPermission(customer_ids=client.permission.customer_ids)
            found.append(client.permission.customer_ids)
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.req("WG3A-015", "WG3A-024")
async def test_registration_starts_the_proof_and_opens_nothing_before_it(registry: Registry, auth: Auth) -> None:
    party = await registry.party(f"cds_client_admin {SELF}")
    step = await login_step(party)
    assert_fits(step, "message")
    assert (step["status"], step["related_type"]) == ("open", "online_form")
    page = await registry.http.get(step["related_uri"])
    assert f'href="http://localhost:8080/my/connect/{step["message_id"]}"' in page.text
    assert "textarea" not in page.text
    assert await customers_of(registry, party, "sandbox") == []
    assert await customers_of(registry, party, "production") is None
    shown = await registry.http.get(f"/internal/steps/{step['message_id']}", headers=auth.headers())
    assert (shown.status_code, shown.json()["client_name"]) == (200, "Kestrel Home Audits")


@pytest.mark.req("WG3A-016", "WG3A-026")
async def test_a_test_login_opens_the_sandbox_and_a_real_one_makes_the_production_object(registry: Registry, auth: Auth) -> None:
    party = await registry.party(f"cds_client_admin {SELF}")
    step = await login_step(party)
    tester, customer, second = uuid4(), uuid4(), uuid4()
    registry.later(seconds=1)
    assert await auth.connect(step["message_id"], tester) == 204
    assert (await customers_of(registry, party, "sandbox"), await customers_of(registry, party, "production")) == ([tester], None)
    assert [snapshot.direct_permission.customer_ids for snapshot in registry.auth.enforced if snapshot.direct_permission] == [[tester]]
    assert (await party.get(step["uri"])).json()["status"] == "complete"
    registry.later(seconds=1)
    for each in (customer, customer, second):
        assert await auth.connect(step["message_id"], each, "production") == 204
    assert await customers_of(registry, party, "production") == [customer, second]
    assert await customers_of(registry, party, "sandbox") == [tester]
    (real,) = [each for each in await party.clients() if "_self_" in each["scope"] and each["cds_status"] == "production"]
    assert_fits(real, "client")
    assert real["cds_status_options"] == ["production", "disabled"]
    credentials = (await party.get("/cds/v1/credentials", params={"client_ids": real["client_id"]})).json()["credentials"]
    assert len(credentials) == 1
    updates = [each for each in await party.messages() if each["type"] == "request_update"]
    assert {each["previous_uri"] for each in updates} == {step["uri"]}


async def test_a_customer_takes_it_back(registry: Registry, auth: Auth) -> None:
    party = await registry.party(f"cds_client_admin {SELF}")
    step = (await login_step(party))["message_id"]
    first, second = uuid4(), uuid4()
    for each in (first, second):
        await auth.connect(step, each)
    registry.auth.reachable = False
    assert await auth.disconnect(step, first) == 503
    registry.auth.reachable = True
    assert await auth.disconnect(step, first) == 204
    assert await auth.disconnect(step, first) == 204
    assert await customers_of(registry, party, "sandbox") == [second]
    assert registry.auth.enforced[-1].direct_permission is not None
    assert registry.auth.enforced[-1].direct_permission.customer_ids == [second]


@pytest.mark.req("WG3A-003")
async def test_own_data_and_contract_data_never_share_a_client_object(registry: Registry, auth: Auth) -> None:
    party = await registry.party(f"cds_client_admin {SELF} {DIRECT}", cds_invite_code="HLP-SANDBOX")
    own, contract = await party.client("cds_query_accounts_self_hlp"), await party.client(DIRECT)
    assert own["client_id"] != contract["client_id"]
    await auth.connect((await login_step(party))["message_id"], uuid4())
    async with registry.sessions.begin() as tx:
        client = await find_client(tx, contract["client_id"])
    assert client is not None
    assert client.permission is not None
    assert client.permission.customer_ids == []


async def test_only_auth_connects_and_only_by_a_login_step(registry: Registry, auth: Auth) -> None:
    party = await registry.party(f"cds_client_admin cds_usage_hlp {SELF}")
    step = (await login_step(party))["message_id"]
    (review,) = [each for each in await party.messages("outstanding") if each["type"] == "production_request"]
    for message_id in (review["message_id"], "unknown-step"):
        assert await auth.connect(message_id, uuid4()) == 404
        assert (await registry.http.get(f"/internal/steps/{message_id}", headers=auth.headers())).status_code == 404
    body = {"customer_id": str(uuid4()), "environment": "sandbox"}
    for headers in ({}, party.headers, auth.headers("usage")):
        assert (await registry.http.put(f"/internal/steps/{step}/customer", json=body, headers=headers)).status_code == 401
    own = await party.client("cds_query_accounts_self_hlp")
    disabled = {**own, "cds_status": "disabled"}
    assert (await party.put(own["cds_client_uri"], disabled)).status_code == 200
    assert await auth.connect(step, uuid4()) == 404
