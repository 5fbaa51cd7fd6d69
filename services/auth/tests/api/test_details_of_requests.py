"""authorization_details over HTTP: where a fault surfaces, what direct access must name, what defaults and expiry do to Grants."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from cds_auth.adapters.accounts import Accounts
from cds_auth.application.scheduler import move_by_clock
from cds_auth.domain.grant_status import GrantStatus
from cds_common.access.offers import OfferedScope
from cds_common.errors import TransientError
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry
from services.auth.tests.core_builders import AClient, a_consent_client, a_direct_client
from services.auth.tests.core_driver import Core
from services.auth.tests.customer_driver import CALLBACK, answer_of, authorize_parameters
from services.auth.tests.customer_world import World

QUERY = "cds_query_accounts_hlp"


class Known:
    """accounts, as far as auth asks it: which numbers there are, and what it was asked."""

    def __init__(self) -> None:
        self.numbers: set[str] = set()
        self.asked: list[tuple[GrantEntry, str]] = []
        self.reachable = True

    async def matches(self, _accounts: Accounts, entry: GrantEntry, environment: str) -> bool:
        self.asked.append((entry, environment))
        if not self.reachable:
            raise TransientError("accounts is not reachable")
        return bool(self.numbers & set(entry.details["account_numbers"]))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    found = Known()

    async def matches(accounts: Accounts, entry: GrantEntry, environment: str) -> bool:
        return await found.matches(accounts, entry, environment)

    monkeypatch.setattr(Accounts, "matches", matches)
    return found


async def asked(core: Core, client: AClient, *, scope: str = QUERY, **fields: Any) -> httpx.Response:
    return await core.token(client, grant_type="client_credentials", authorization_details=[{"type": scope, **fields}])


class TestWhereAFaultSurfaces:
    @pytest.mark.req("WG3B-003")
    async def test_one_faulty_value_at_each_endpoint(self, core: Core) -> None:
        client, direct = a_consent_client(redirect_uris=[CALLBACK]), a_direct_client()
        await core.knows(client, direct)
        at_token = await asked(core, direct, include_accounts="yes")
        fault = '[{"type": "cds_usage_hlp", "include_accounts": "yes"}]'
        parameters = authorize_parameters(client.client_id, scope="cds_usage_hlp", authorization_details=fault)
        pushed = await core.http.post("/oauth/par", data=parameters, headers=client.basic)
        for answer in (at_token, pushed):
            assert answer.status_code == 400
            assert answer.json()["error"] == "invalid_authorization_details"
            assert answer.headers["content-type"].startswith("application/json")
        redirected = await core.http.get("/oauth/authorize", params=parameters)
        assert redirected.status_code in {302, 303}
        assert redirected.headers["location"].startswith(CALLBACK)
        found = answer_of(redirected.headers["location"])
        assert (found["error"], found["state"]) == ("invalid_authorization_details", parameters["state"])


class TestDirectPreselections:
    @pytest.mark.req("WG3B-252")
    async def test_numbers_that_match_nothing_are_refused_when_the_client_wants_to_know(self, core: Core, known: Known) -> None:
        client = a_direct_client()
        await core.knows(client)
        known.numbers = {"1111"}
        refused = await asked(core, client, account_numbers=["does-not-exist"], error_if_no_preselections=True)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details")
        assert await World(core.http, core.sessions).grants(client) == []
        granted = await asked(core, client, account_numbers=["1111"], error_if_no_preselections=True)
        assert granted.status_code == 200
        assert granted.json()["authorization_details"][0]["account_numbers"] == ["1111"]
        entry, environment = known.asked[-1]
        assert environment == "sandbox"
        assert (entry.scope_type, entry.permission) == ("cds_query_accounts", DirectPermission(everything=True))

    @pytest.mark.req("WG3B-253")
    @pytest.mark.parametrize("fields", [{"error_if_no_preselections": False}, {}])
    async def test_false_has_no_effect(self, core: Core, known: Known, fields: dict[str, bool]) -> None:
        client = a_direct_client()
        await core.knows(client)
        answer = await asked(core, client, account_numbers=["does-not-exist"], **fields)
        assert answer.status_code == 200
        assert known.asked == []

    @pytest.mark.req("WG3B-253", "WG3B-251")
    async def test_without_a_preselection_there_is_nothing_to_miss(self, core: Core, known: Known) -> None:
        client = a_direct_client()
        await core.knows(client)
        assert (await asked(core, client, error_if_no_preselections=True)).status_code == 200
        assert known.asked == []

    async def test_while_nobody_can_look_the_answer_is_not_a_refusal(self, core: Core, known: Known) -> None:
        client = a_direct_client()
        await core.knows(client)
        known.reachable = False
        answer = await asked(core, client, account_numbers=["1111"], error_if_no_preselections=True)
        assert answer.status_code == 503
        assert await World(core.http, core.sessions).grants(client) == []

    @pytest.mark.req("WG3A-248")
    async def test_a_client_of_known_items_must_name_them(self, core: Core, known: Known) -> None:
        client = a_direct_client(direct_permission=DirectPermission(everything=True, named_only=True))
        await core.knows(client)
        known.numbers = {"1111"}
        for refused in (
            await core.token(client, grant_type="client_credentials", scope=QUERY),
            await asked(core, client, account_numbers=None),
            await asked(core, client, account_numbers=["2222"], error_if_no_preselections=True),
        ):
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details")
        assert (await asked(core, client, account_numbers=["1111"])).status_code == 200


class TestDirectScopes:
    @pytest.mark.req("WG3A-246", "WG3A-003")
    async def test_every_direct_scope_gives_a_token_without_a_customer(self, core: Core) -> None:
        types = {scope.id: scope.type for scope in core.rules.offered.values() if scope.type.startswith("cds_query_")}
        client = AClient(" ".join(types), types, ["client_credentials"], direct_permission=DirectPermission(everything=True))
        await core.knows(client)
        assert {scope.removesuffix("_hlp").removesuffix("_self") for scope in types} >= {
            f"cds_query_{kind}"
            for kind in (
                "accounts", "service_contracts", "service_points", "meter_devices", "bill_statements", "bill_sections", "aggregations",
                "usage",
            )
        }  # fmt: skip
        for scope in types:
            named = {"aggregation_numbers": ["B-1"]} if core.rules.offered[scope].fields.get("aggregation_numbers") else {}
            answer = await asked(core, client, scope=scope, **named)
            assert (answer.status_code, answer.json().get("scope")) == (200, scope), answer.text
        consent = a_consent_client()
        await core.knows(consent)
        for scope in types:
            refused = await core.token(consent, grant_type="client_credentials", scope=scope)
            assert refused.status_code == 400
            assert "access_token" not in refused.json()


def with_default(offered: Any, scope: str, field: str, *, value: Any) -> dict[str, OfferedScope]:
    """The offer after an operator changed one default."""
    changed = replace(offered[scope], fields={**offered[scope].fields, field: replace(offered[scope].fields[field], default=value)})
    return {**offered, scope: changed}


class TestChangedDefaults:
    @pytest.mark.req("WG3B-009", "WG3B-010")
    async def test_a_new_default_counts_for_new_requests_and_alters_no_grant(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        client, direct = a_consent_client(), a_direct_client()
        await core.knows(client, direct)
        code = await core.consent(client)
        first = (await core.token(client, **code.form())).json()
        before = await core.client_credentials(direct, QUERY)
        offered = with_default(core.rules.offered, "cds_usage_hlp", "include_meter_numbers", value=True)
        offered = with_default(offered, QUERY, "include_account_numbers", value=True)
        monkeypatch.setattr(type(core.rules), "offered", property(lambda _self: offered), raising=False)
        refreshed = (await core.token(client, grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
        assert refreshed["authorization_details"] == first["authorization_details"]
        assert refreshed["authorization_details"][0]["include_meter_numbers"] is False
        stored = await core.grant(code.grant.grant_id)
        assert stored.authorization_details == code.grant.authorization_details
        (published,) = (await core.published(code.grant.grant_id))[-1:]
        assert published.entries[0].details["include_meter_numbers"] is False
        after = await core.client_credentials(direct, QUERY)
        assert before["authorization_details"][0]["include_account_numbers"] is False
        assert after["authorization_details"][0]["include_account_numbers"] is True
        assert after["cds_grant_ids"] != before["cds_grant_ids"]
        again = (await core.token(client, **(await core.consent(client)).form())).json()
        assert again["authorization_details"][0]["include_meter_numbers"] is True


class TestExpiry:
    @pytest.mark.req("WG3B-225")
    async def test_an_expired_grant_opens_nothing_more_and_others_go_on(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        counted = {"type": "cds_aggregation_consent_hlp", "aggregation_numbers": ["B-1"], "premise_numbers": ["P-1"], "expires": "P1D"}
        first = await core.consent(client, "cds_usage_hlp cds_aggregation_consent_hlp", authorization_details=[counted])
        second = await core.consent(client)
        tokens = [(await core.token(client, **code.form())).json() for code in (first, second)]
        later = datetime.now(UTC) + timedelta(days=1, seconds=5)
        for code in (first, second):
            async with core.sessions.begin() as tx:
                await move_by_clock(tx, code.grant.grant_id, rules=core.rules, now=later)
        ended, living = await core.grant(first.grant.grant_id), await core.grant(second.grant.grant_id)
        assert (ended.status, ended.enabled_scope, list(ended.enabled_authorization_details)) == (GrantStatus.EXPIRED, "", [])
        assert living.status is GrantStatus.ACTIVE
        refused = await core.token(client, grant_type="refresh_token", refresh_token=tokens[0]["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert await core.active(client, tokens[0]["access_token"]) is False
        assert await core.active(client, tokens[1]["access_token"]) is True
        assert (await core.token(client, grant_type="refresh_token", refresh_token=tokens[1]["refresh_token"])).status_code == 200
        published = (await core.published(first.grant.grant_id))[-1]
        assert (published.status, published.enabled_scope) == ("expired", "")


class TestLoading:
    @pytest.mark.req("WG3A-127", "WG3A-128")
    async def test_eta_moves_while_the_data_is_loaded_and_goes_when_it_is_there(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client, ready=False)
        waiting = await core.grant(code.grant.grant_id)
        assert (waiting.status, waiting.enabled_scope, waiting.enabled_authorization_details) == (GrantStatus.PENDING, "", [])
        assert waiting.eta is not None
        late = waiting.eta + timedelta(seconds=1)
        async with core.sessions.begin() as tx:
            delayed = await move_by_clock(tx, waiting.grant_id, rules=core.rules, now=late)
        assert delayed.status is GrantStatus.PENDING
        assert delayed.eta is not None
        assert delayed.eta > late
        assert delayed.modified == late
        await core.ready(waiting.grant_id)
        loaded = await core.grant(waiting.grant_id)
        assert (loaded.status, loaded.eta) == (GrantStatus.ACTIVE, None)
        assert (loaded.enabled_scope, loaded.enabled_authorization_details) == (loaded.scope, loaded.authorization_details)

    @pytest.mark.req("WG3A-128")
    async def test_a_load_that_failed_in_part_opens_the_rest(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client, "cds_usage_hlp cds_service_contracts_hlp")
        withheld = await core.change(code.grant.grant_id, lambda grant: grant.withhold(frozenset({"cds_usage_hlp"}), datetime.now(UTC)))
        assert (withheld.status, withheld.enabled_scope) == (GrantStatus.PARTIAL, "cds_service_contracts_hlp")
        assert [each["type"] for each in withheld.enabled_authorization_details] == ["cds_service_contracts_hlp"]
        failed = await core.change(code.grant.grant_id, lambda grant: grant.withhold(frozenset(), datetime.now(UTC)))
        failed = await core.change(failed.grant_id, lambda grant: grant.say(GrantStatus.ERRORED, datetime.now(UTC)))
        assert (failed.status, failed.enabled_scope, failed.enabled_authorization_details) == (GrantStatus.ERRORED, "", [])
