"""CDS-WG1-02 §2, §3.4, §4.2, §5.1, §5.2: authorization requests, their values, defaults and environments."""

import json
from typing import Any

import pytest

from cds_auth.domain.grant import Grant
from cds_common.utility import Utility, wire
from services.auth.tests.core_builders import AClient, a_consent_client
from services.auth.tests.core_driver import Core
from services.auth.tests.customer_builders import Household, a_home
from services.auth.tests.customer_driver import CALLBACK, Page, answer_of, authorize_parameters
from services.auth.tests.customer_world import CONSENT_TYPES, World

JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "use": "enc",
    "kid": "reports-2026",
}  # fmt: skip  # the key of RFC 7517 appendix A.1


async def push(world: World, client: AClient, scope: str, *details: dict[str, Any]) -> tuple[int, str | None]:
    form = authorize_parameters(client.client_id, scope=scope, authorization_details=json.dumps(details))
    answer = await world.http.post("/oauth/par", data=form, headers=client.basic)
    return answer.status_code, answer.json().get("error")


NEEDED: dict[str, dict[str, Any]] = {
    "cds_account_programs_hlp": {"account_programs": ["BB-1"]},
    "cds_service_programs_hlp": {"service_programs": ["PS-4"]},
    "cds_aggregation_consent_hlp": {
        "aggregation_numbers": ["B-204"],
        "premise_numbers": ["P-9"],
        "error_if_no_preselections": True,
        "allow_scope_modifications": False,
    },
}
"""What a request for these scopes cannot do without (CDS-WG3-01 §6.1.2, §6.1.3, §6.1.10)."""
REFUSED = (400, "invalid_authorization_details")


class TestValues:
    @pytest.mark.req("WG102-004")
    async def test_dates_take_no_time_part_and_datetimes_may(self, world: World) -> None:
        client = await world.client()

        async def bills_from(value: str) -> tuple[int, str | None]:
            return await push(world, client, "cds_bill_statements_hlp", {"type": "cds_bill_statements_hlp", "statement_date_start": value})

        async def usage_until(value: str) -> tuple[int, str | None]:
            return await push(world, client, "cds_usage_hlp", {"type": "cds_usage_hlp", "sync_until": value})

        for value in ("P13M", "P3Y", "P0D", "P2W", "P1Y2M3D", "2024-01-01", "infinite"):
            assert await bills_from(value) == (201, None), value
        for value in ("PT1H", "P1DT2H", "P", "-P1D", "P1.5D", "2024-13-01", "2024-01-01T00:00:00Z", "Infinite", "13 months", ""):
            assert await bills_from(value) == REFUSED, value
        for value in ("P30DT2H", "PT0S", "P3Y", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00.5+02:00", "infinite"):
            assert await usage_until(value) == (201, None), value
        for value in ("2030-01-01", "2030-01-01T00:00:00", "P1DT", "T2H"):
            assert await usage_until(value) == REFUSED, value

    @pytest.mark.req("WG102-005")
    async def test_a_public_encryption_key_comes_back_unchanged_and_other_keys_are_refused(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client, authorization_details=[{"type": "cds_usage_hlp", "jwk": JWK}])
        answer = (await core.token(client, **code.form())).json()
        assert answer["authorization_details"][0]["jwk"] == JWK
        for change in ({"use": "sig"}, {"use": None}, {"d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}, {"kty": "oct", "k": "AAAA"}):
            key = {name: value for name, value in (JWK | change).items() if value is not None}
            form = authorize_parameters(
                client.client_id, scope="cds_usage_hlp", authorization_details=json.dumps([{"type": "cds_usage_hlp", "jwk": key}])
            )
            refused = await core.http.post("/oauth/par", data=form, headers=client.basic)
            assert (refused.status_code, refused.json()["error"]) == REFUSED, change

    @pytest.mark.req("WG102-053")
    async def test_the_type_of_details_is_the_id_of_the_scope(self, world: World) -> None:
        client = await world.client()
        assert await push(world, client, "cds_usage_hlp", {"type": "cds_usage"}) == REFUSED
        assert await push(world, client, "cds_usage_hlp", {"type": "cds_usage_hlp"}) == (201, None)

    @pytest.mark.req("WG102-061")
    @pytest.mark.parametrize("scope", sorted(CONSENT_TYPES))
    async def test_every_described_field_is_taken_and_no_other(self, world: World, utility: Utility, scope: str) -> None:
        client = await world.client()
        description = wire.scope_descriptions(utility, "http://localhost:8080")[scope]
        assert description["authorization_details_types_supported"] == [scope]
        needed = NEEDED.get(scope, {})
        fields = description["authorization_details_fields_supported"]
        assert fields
        for field in fields:
            assert field["for_types"] == [scope]
            details = {"type": scope, field["id"]: a_value_of(field), **needed}
            form = authorize_parameters(client.client_id, scope=scope, authorization_details=json.dumps([details]))
            answer = await world.http.post("/oauth/par", data=form, headers=client.basic)
            assert answer.status_code == 201, f"{field['id']}: {answer.text}"
        for unknown in ("include_everything", "Sync_until", "cds_usage_hlp"):
            assert await push(world, client, scope, {"type": scope, unknown: True}) == REFUSED

    @pytest.mark.req("WG102-088", "WG102-089")
    @pytest.mark.parametrize("scope", sorted(CONSENT_TYPES))
    async def test_values_of_another_form_are_refused(self, world: World, utility: Utility, scope: str) -> None:
        client = await world.client()
        for field in wire.scope_descriptions(utility, "http://localhost:8080")[scope]["authorization_details_fields_supported"]:
            for value in wrong_values_of(field["format"]):
                details = {"type": scope, **NEEDED.get(scope, {}), field["id"]: value}
                assert await push(world, client, scope, details) == REFUSED, f"{field['id']}: {value!r}"


def wrong_values_of(name: str) -> list[Any]:
    """Values that a field of this format refuses; null only where the format does not allow it."""
    wrong: dict[str, list[Any]] = {
        "boolean": ["true", 1, []],
        "string": [7, True, ["a"]],
        "string_list": ["88-1203", [], [7], [None], {}],
        "choice": ["no-such-choice", 7, []],
        "choice_list": ["el-day", [], ["no-such-choice"], [7]],
        "relative_or_absolute_date": [20240101, "soon", []],
        "relative_or_absolute_datetime": [20240101, "soon", []],
        "jwk": ["key", [], {}],
    }
    return [*wrong[name.removesuffix("_or_null")], *([] if name.endswith("_or_null") else [None])]


def a_value_of(field: dict[str, Any]) -> Any:
    """A legal value that differs from the default where the format has one."""
    if field["id"] == "purpose":
        return "mine"
    if field["id"] == "merge_selection_with":
        return None
    if field["format"].startswith("choice") and field["choices"]:
        return [field["choices"][0]["id"]] if "list" in field["format"] else field["choices"][0]["id"]
    if field["format"].startswith("string_list"):
        return ["88-1203"]
    return not field["default"] if field["format"] == "boolean" else field["default"]


class TestDefaults:
    @pytest.mark.req("WG102-108")
    async def test_the_default_redirect_ends_on_a_receipt_or_an_error_page(self, world: World) -> None:
        client, home = await own_pages_client(world), await world.home()
        person, page = await world.form(client, home, redirect_uri=None)
        done = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
        assert (done.status, done.response.headers["content-type"].split(";")[0]) == (200, "text/html")
        assert "Authorization receipt" in done.text
        [receipt] = await world.receipts(client)
        assert " ".join(receipt.confirmation[i : i + 4] for i in (0, 4, 8)) in done.text
        second, page = await world.form(client, home, redirect_uri=None)
        declined = await second.press(page, "decline")
        assert declined.status == 200
        assert "Authorization receipt" not in declined.text
        opened = await world.person().get(f"/consent/done/{client.client_id}?error=access_denied")
        for shown in (declined, opened):
            assert no_trace(shown)
        assert len(await world.receipts(client)) == 1

    @pytest.mark.req("WG102-128")
    async def test_each_parameter_that_is_left_out_takes_the_clients_default(self, world: World) -> None:
        details = [{"type": "cds_usage_hlp", "contract_numbers": ["220-472"], "sync_until": "P1Y"}]
        second = f"{CALLBACK}/two"
        client = await world.client(
            redirect_uris=[CALLBACK, second],
            default_redirect_uri=second,
            default_scope="cds_usage_hlp",
            default_authorization_details=details,
        )
        home = await world.home()
        gas, electric = home.id("service_contract", "220-472"), home.id("service_contract", "220-471")
        person, page = await world.form(client, home, scope=None, redirect_uri=None)
        assert page.ticked() == {gas.hex}
        done = await person.press(page, "approve")
        assert done.location.startswith(f"{second}?code=")
        [grant] = await world.grants(client)
        assert (grant.scope, selected(grant)) == ("cds_usage_hlp", {gas})
        assert grant.authorization_details[0]["sync_until"].endswith("Z")
        named = [{"type": "cds_usage_hlp", "contract_numbers": ["220-471"]}]
        _, page = await world.form(client, home, redirect_uri=CALLBACK, scope=None, authorization_details=json.dumps(named))
        assert page.ticked() == {electric.hex}
        other, page = await world.form(client, home, scope="cds_service_contracts_hlp", authorization_details="[]")
        declined = await other.press(page, "decline")
        assert declined.location.startswith(f"{CALLBACK}?error=")


async def own_pages_client(world: World) -> AClient:
    """A Client that never set a redirect address: its only one is the server's."""
    client = await world.client()
    own = client.snapshot.server_redirect_uri
    assert own is not None
    client.changed(redirect_uris=[own], default_redirect_uri=own)
    await world.publish(client)
    return client


def no_trace(page: Page) -> bool:
    return page.status == 200 and not any(word in page.source for word in ("Traceback", "Exception", "cds_auth", "sqlalchemy"))


def selected(grant: Grant) -> set[Any]:
    return {each for entry in grant.entries if entry.selection for each in entry.selection.ids}


class TestEnvironments:
    @pytest.mark.req("WG102-132")
    async def test_test_users_and_real_users_never_reach_the_other_side(self, world: World) -> None:
        sandbox, production = await world.client(), await world.client(environment="production", status="production")
        test_user, real_user = await world.home(), await world.home(a_home(environment="production"))
        for client, stranger, own in ((sandbox, real_user, test_user), (production, test_user, real_user)):
            person = world.person()
            login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
            refused = await person.log_in(login, stranger)
            assert refused.path == "/login"
            assert "do not match" in refused.text
            _, answer = await world.approved(client, own, [electric_of(own)])
            assert answer["code"]
            [grant] = await world.grants(client)
            assert (grant.environment, grant.customer_ids) == (own.environment, (own.customer_id,))

    @pytest.mark.req("WG102-132")
    async def test_a_ticked_object_of_the_other_side_is_not_granted(self, world: World) -> None:
        client, home, foreign = await world.client(), await world.home(), await world.home(a_home(environment="production"))
        person, page = await world.form(client, home)
        answer = await person.press(page, "approve", s1=[electric_of(foreign).hex])
        assert "code" not in (answer_of(answer.location) if "location" in answer.response.headers else {})
        assert await world.grants(client) == []


def electric_of(home: Household) -> Any:
    return home.id("service_contract", "220-471")
