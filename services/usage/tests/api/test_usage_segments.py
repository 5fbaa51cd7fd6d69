"""`GET /cds/v1/usage-segments` over HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from cds_common.events.resources import EntitlementEntry
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.schemas import assert_valid
from cds_common.testing.tokens import TokenMaker
from cds_common.tokens import AccessToken
from services.usage.tests.builders import FLAG, NOW, Stage, a_contract, a_point, an_account, point_entry, readings, rid

PATH = "/cds/v1/usage-segments"
MARCH_7 = "2026-03-07T00:00:00-08:00"


@pytest.fixture
def bearer(stage: Stage, maker: TokenMaker) -> Any:
    async def header(*entries: EntitlementEntry, **grant: Any) -> dict[str, str]:
        async with stage.sessions.begin() as session:
            token: AccessToken = await store_grant(session, *entries, now=NOW, **grant)
        claims = token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"})
        return maker.headers(**claims)

    return header


async def get(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> httpx.Response:
    return await client.get(PATH, headers=headers, params=query)


class TestAccess:
    @pytest.mark.req("WG3D-001", "WG3D-002")
    async def test_without_a_valid_bearer_token_nothing_is_shown(self, client: httpx.AsyncClient, maker: TokenMaker) -> None:
        missing = await client.get(PATH)
        in_query = await client.get(PATH, params={"access_token": maker.token()})
        forged = await client.get(PATH, headers={"Authorization": "Bearer nonsense"})
        expired = await client.get(PATH, headers=maker.headers(exp=1))
        assert [answer.status_code for answer in (missing, in_query, forged, expired)] == [401] * 4
        assert missing.headers["www-authenticate"].startswith("Bearer")
        assert all('error="invalid_token"' in answer.headers["www-authenticate"] for answer in (forged, expired))

    @pytest.mark.req("WG3D-003")
    async def test_a_token_without_customer_data_is_refused(self, client: httpx.AsyncClient, bearer: Any) -> None:
        answer = await get(client, await bearer(an_entry(scope="cds_client_admin", scope_type="cds_client_admin")))
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]

    @pytest.mark.req("WG3D-004", "WG3D-210")
    async def test_a_grant_that_opens_no_usage_lists_nothing(self, client: httpx.AsyncClient, bearer: Any) -> None:
        answer = await get(client, await bearer(an_entry(scope="accounts", scope_type="cds_accounts", flags=["include_accounts"])))
        assert (answer.status_code, answer.json()) == (200, {"usage_segments": [], "next": None, "previous": None})

    @pytest.mark.req("WG3D-005")
    async def test_an_ended_grant_is_an_invalid_token(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        headers = await bearer(point_entry(), grant_id="grant-1")
        assert len((await get(client, headers)).json()["usage_segments"]) == 1
        await bearer(point_entry(), grant_id="grant-1", status="closed", version=2)
        answer = await get(client, headers)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    @pytest.mark.req("WG3D-008")
    async def test_other_methods_are_not_allowed(self, client: httpx.AsyncClient, bearer: Any) -> None:
        headers = await bearer(point_entry())
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await client.request(method, PATH, headers=headers)).status_code == 405


class TestAnswer:
    @pytest.mark.req("WG3D-176", "WG3D-210", "WG3D-024", "WG3D-185", "WG3D-023")
    async def test_the_answer_is_valid_by_the_schema(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        gas = {"value_type": "natural_gas_usage", "units": "therm", "tier": "none"}
        await stage.take(
            readings(MARCH_7, [1, None, 3]),
            readings(MARCH_7, [5], shape={"value_type": "meter_readings", "units": "kWh", "register_name": "1.8.0"}),
            readings(MARCH_7, [4], shape={"value_type": "cost", "units": None, "currency": "USD"}),
            readings("2026-02-01T00:00:00-08:00", [341], interval_seconds=28 * 86_400, shape=gas),
        )
        formats = ["el-15min", "reads", "cost", "gas-month"]
        entry = point_entry(
            formats=formats, visible={"service_point": [rid("service_point", "P-1")], "meter_device": [rid("meter_device", "M-1")]}
        )
        answer = await get(client, await bearer(entry))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        body = assert_valid("usage-segment-list-response.json", answer.content)
        assert [one["segment_start"] for one in body["usage_segments"]] == ["2026-02-01T08:00:00Z", "2026-03-07T08:00:00Z"]

    @pytest.mark.req("WG3D-022")
    async def test_digits_are_those_of_the_source_in_the_raw_body(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [20000, 1, 100], decimals=[1, 12, 2]))
        answer = await get(client, await bearer(point_entry()))
        assert b'"values":[[{"eu":2000.0}],[{"eu":0.000000000001}],[{"eu":1.00}]]' in answer.content

    async def test_a_read_is_logged_with_what_was_shown(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        from sqlalchemy import text

        await stage.take(readings(MARCH_7, [1]))
        shown = (await get(client, await bearer(point_entry(), grant_id="grant-7"))).json()["usage_segments"]
        async with stage.sessions() as session:
            row = (await session.execute(text("SELECT endpoint, grant_ids, object_ids FROM access_log"))).one()
        assert (row.endpoint, row.grant_ids) == ("usage-segments", ["grant-7"])
        assert [str(one) for one in row.object_ids] == [shown[0]["cds_usagesegment_id"]]


class TestFilters:
    @pytest.mark.req("WG3D-010", "WG3D-211")
    async def test_values_are_separated_by_a_space_or_a_plus(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(
            readings(MARCH_7, [1]), readings(MARCH_7, [2], servicepoint_ref="P-2"), readings(MARCH_7, [3], servicepoint_ref="P-3")
        )
        headers = await bearer(point_entry("P-1", "P-2", "P-3"))
        one, two = rid("service_point", "P-1"), rid("service_point", "P-2")
        for query in (f"{one}%20{two}", f"{one}+{two}"):
            answer = await client.get(f"{PATH}?cds_servicepoint_ids={query}", headers=headers)
            assert {shown["related_servicepoints"][0] for shown in answer.json()["usage_segments"]} == {str(one), str(two)}

    @pytest.mark.req("WG3D-011", "WG3D-012")
    async def test_an_unknown_and_a_foreign_id_answer_alike(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]), readings(MARCH_7, [2], servicepoint_ref="P-2"))
        (foreign,) = await stage.segments(point_entry("P-2"))
        headers = await bearer(point_entry())
        answers = [
            (await get(client, headers, cds_usagesegment_ids=value)).content
            for value in (foreign["cds_usagesegment_id"], "2f1b6f3a-0000-4000-8000-000000000000", "no id at all")
        ]
        assert answers == [b'{"usage_segments":[],"next":null,"previous":null}'] * 3

    @pytest.mark.req("WG3D-015")
    async def test_what_is_no_moment_and_what_comes_twice_is_refused(self, client: httpx.AsyncClient, bearer: Any) -> None:
        headers = await bearer(point_entry())
        for query in ("after=yesterday", "before=2025-13-01T00:00:00Z", "cds_account_ids=a&cds_account_ids=b"):
            answer = await client.get(f"{PATH}?{query}", headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.req("WG3D-016")
    async def test_unknown_and_empty_parameters_count_as_not_given(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        headers = await bearer(point_entry())
        plain, odd = await get(client, headers), await client.get(f"{PATH}?foo=bar&cds_account_ids=&after=", headers=headers)
        assert plain.json() == odd.json()
        assert len(plain.json()["usage_segments"]) == 1

    @pytest.mark.req("WG3D-017", "WG3D-213")
    async def test_moments_are_compared_as_instants(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        headers = await bearer(point_entry())
        for moment in ("2026-03-07T08:15:00Z", "2026-03-07T00:15:00-08:00", "2026-03-07T08:15Z"):
            assert len((await get(client, headers, after=moment)).json()["usage_segments"]) == 1
        assert (await get(client, headers, after="2026-03-07T08:15:00.000000001Z")).status_code == 200

    async def test_characters_that_no_number_has_match_nothing(self, client: httpx.AsyncClient, bearer: Any) -> None:
        headers = await bearer(point_entry(flags=["include_account_numbers"]))
        for value in ("\u0000", "'; DROP TABLE day_block; --", "\ud7ff" * 50):
            assert (await get(client, headers, account_numbers=value)).status_code in {200, 400}

    @pytest.mark.req("WG3D-212")
    async def test_aggregation_filters_narrow_to_sums(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        headers = await bearer(point_entry())
        assert (await get(client, headers, cds_aggregation_ids=str(rid("aggregation", "G-1")))).json()["usage_segments"] == []
        assert (await get(client, headers, aggregation_numbers="B-1")).json()["usage_segments"] == []


class TestPages:
    async def _walk(self, client: httpx.AsyncClient, headers: dict[str, str], url: str | None, link: str) -> list[list[str]]:
        pages = []
        while url is not None:
            body = (await client.get(url, headers=headers)).json()
            pages.append([one["cds_usagesegment_id"] for one in body["usage_segments"]])
            url = body[link]
        return pages

    @pytest.mark.req("WG3D-018", "WG3D-019", "WG3D-021")
    async def test_a_long_list_is_walked_forth_and_back(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        names = [f"P-{number}" for number in range(125)]
        await stage.take(*(readings(MARCH_7, [1], servicepoint_ref=name) for name in names))
        await stage.take(*(readings("2026-02-07T00:00:00-08:00", [1], servicepoint_ref=name) for name in names))
        headers = await bearer(point_entry(*names))
        forth = await self._walk(client, headers, PATH, "next")
        assert [len(page) for page in forth] == [100, 100, 50]
        ids = [one for page in forth for one in page]
        assert len(set(ids)) == 250
        last = (await client.get(PATH, headers=headers)).json()["next"]
        last = (await client.get(last, headers=headers)).json()["next"]
        assert await self._walk(client, headers, last, "previous") == forth[::-1]

    @pytest.mark.req("WG3D-018")
    async def test_a_hundred_segments_are_one_page(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        names = [f"P-{number}" for number in range(100)]
        await stage.take(*(readings(MARCH_7, [1], servicepoint_ref=name) for name in names))
        body = (await get(client, await bearer(point_entry(*names)))).json()
        assert (len(body["usage_segments"]), body["next"], body["previous"]) == (100, None, None)

    @pytest.mark.req("WG3D-020")
    async def test_a_link_is_of_no_use_to_others_or_when_altered(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        names = [f"P-{number}" for number in range(101)]
        await stage.take(*(readings(MARCH_7, [1], servicepoint_ref=name) for name in names))
        headers = await bearer(point_entry(*names))
        link = (await get(client, headers)).json()["next"]
        assert (await client.get(link, headers=await bearer(point_entry(), client_id="client-2"))).status_code == 400
        assert (await client.get(link + "x", headers=headers)).status_code == 400
        assert (await client.get(f"{link}&account_numbers=7", headers=headers)).status_code == 400


async def test_direct_access_to_everything_pages_in_the_order_of_the_numbers(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    for number in range(3):
        contract = a_contract(f"C-{number}", account=f"A-{number}", number="1")
        await stage.know(an_account(f"A-{number}", str(9 - number)), contract, a_point(contract, ref=f"P-{number}"))
        await stage.take(readings(MARCH_7, [number], servicepoint_ref=f"P-{number}"))
    entry = an_entry(
        flags=[FLAG], reach={"service_point": None}, visible={"account": None, "service_point": None}, value_formats=["el-15min"]
    )
    body = (await get(client, await bearer(entry))).json()
    assert [one["related_accounts"] for one in body["usage_segments"]] == [[str(rid("account", f"A-{number}"))] for number in (2, 1, 0)]
    assert timedelta(minutes=15).total_seconds() == body["usage_segments"][0]["interval"]
