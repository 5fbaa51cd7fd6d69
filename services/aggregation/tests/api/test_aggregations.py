"""`GET /cds/v1/aggregations` and the maps of regions."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from cds_common.events.resources import EntitlementEntry
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.schemas import assert_valid
from cds_common.testing.tokens import TokenMaker
from services.aggregation.tests.builders import NOW, Stage, a_day, a_flat, a_group, rid

PATH = "/cds/v1/aggregations"
HARBOR = {"type": "Polygon", "coordinates": [[[-122.0, 37.5], [-122.0, 37.6], [-121.9, 37.6], [-122.0, 37.5]]]}


@pytest.fixture
def bearer(stage: Stage, maker: TokenMaker) -> Any:
    async def header(*entries: EntitlementEntry, **grant: Any) -> dict[str, str]:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, *entries, now=NOW, **grant)
        return maker.headers(**token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"}))

    return header


def query_entry(*refs: str, flags: tuple[str, ...] = (), **visible: Any) -> EntitlementEntry:
    """An entry that shows these Aggregations."""
    shown = {"aggregation": [rid("aggregation", ref) for ref in refs], **visible}
    return an_entry(
        scope="cds_query_aggregations_hlp", scope_type="cds_query_aggregations", flags=["include_aggregations", *flags], visible=shown
    )


async def listed(client: httpx.AsyncClient, headers: dict[str, str], **query: str) -> list[dict[str, Any]]:
    answer = await client.get(PATH, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return assert_valid("aggregation-list-response.json", answer.content)["aggregations"]


def numbers(shown: list[dict[str, Any]]) -> list[Any]:
    return [one["aggregation_number"] for one in shown]


class TestAccess:
    @pytest.mark.req("WG3D-001", "WG3D-002", "WG3D-003")
    async def test_only_a_token_with_customer_data_is_let_in(self, client: httpx.AsyncClient, maker: TokenMaker, bearer: Any) -> None:
        assert (await client.get(PATH)).status_code == 401
        assert (await client.get(PATH, headers={"Authorization": "Bearer x"})).status_code == 401
        admin = await bearer(an_entry(scope="cds_client_admin", scope_type="cds_client_admin"))
        assert (await client.get(PATH, headers=admin)).status_code == 403

    @pytest.mark.req("WG3A-084", "WG3A-101", "WG3D-171", "WG3D-012")
    async def test_each_client_sees_what_it_is_authorized_for(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.group(a_group("P-1", ref="G-1"), a_group("P-2", ref="G-2"))
        assert numbers(await listed(client, await bearer(query_entry("G-1")))) == ["B-G-1"]
        assert numbers(await listed(client, await bearer(query_entry("G-2"), client_id="other"))) == ["B-G-2"]
        assert await listed(client, await bearer(query_entry("G-1")), aggregation_numbers="B-G-2") == []
        assert await listed(client, await bearer(query_entry())) == []
        everything = an_entry(flags=["include_aggregations"], visible={"aggregation": None})
        assert sorted(numbers(await listed(client, await bearer(everything)))) == ["B-G-1", "B-G-2"]
        assert await listed(client, await bearer(everything, environment="production")) == []

    @pytest.mark.req("WG3D-011")
    async def test_a_grant_that_opens_nothing_yet_is_shown_an_empty_list(
        self, client: httpx.AsyncClient, bearer: Any, stage: Stage
    ) -> None:
        await stage.group(a_group("P-1", ref="G-1"))
        waiting = await bearer(query_entry("G-1"), status="needs_authorization", enabled=False)
        assert await listed(client, waiting) == []
        assert await listed(client, waiting, q="G-1") == []

    @pytest.mark.req("WG3D-008")
    async def test_other_methods_are_not_allowed(self, client: httpx.AsyncClient, bearer: Any) -> None:
        headers = await bearer(query_entry())
        assert (await client.post(PATH, headers=headers)).status_code == 405


class TestObject:
    @pytest.mark.req("WG3D-148", "WG3D-150", "WG3D-164", "WG3D-165")
    async def test_a_building_with_data(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in (1, 2, 3, 4)))
        await stage.group(a_group("P-1", "P-2", "P-3", "P-4"))
        await stage.use(*(a_day(number, 1) for number in (1, 2, 3, 4)))
        (shown,) = await listed(client, await bearer(query_entry("G-1")))
        scope = "cds_query_usage_hlp"
        assert (shown["scope"], shown["authorization_details"]) == (scope, [{"type": scope, "aggregation_numbers": ["B-G-1"]}])
        assert [one["types"] for one in shown["consent_requirements"]] == [["never"]]
        assert set(shown) == {
            "cds_aggregation_id", "cds_created", "cds_modified", "cds_synced", "aggregation_types", "aggregation_number", "scope",
            "authorization_details", "grouped_accounts", "grouped_servicecontracts", "grouped_servicepoints", "grouped_meterdevices",
            "grouped_aggregations", "grouped_regions", "consent_requirements",
        }  # fmt: skip

    @pytest.mark.req("WG3D-149", "WG3D-150")
    async def test_without_data_or_number_there_is_nothing_to_ask_for(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.group(a_group("P-1"), a_group("P-2", ref="G-2", aggregation_number=None))
        shown = await listed(client, await bearer(query_entry("G-1", "G-2")))
        assert [(one["scope"], one["authorization_details"]) for one in shown] == [("", []), ("", [])]
        assert None in numbers(shown)

    @pytest.mark.req("WG3D-151")
    async def test_grouped_lists_hold_what_the_token_may_read(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.know(a_flat(1), a_flat(2))
        await stage.group(a_group("P-1", "P-2"))
        bare = (await listed(client, await bearer(query_entry("G-1"))))[0]
        assert [bare[f"grouped_{name}"] for name in ("accounts", "servicecontracts", "servicepoints", "meterdevices")] == [[], [], [], []]
        visible = {"service_point": [rid("service_point", "P-1"), rid("service_point", "P-9")], "account": None}
        some = (await listed(client, await bearer(query_entry("G-1", **visible))))[0]
        assert some["grouped_servicepoints"] == [str(rid("service_point", "P-1"))]
        assert sorted(some["grouped_accounts"]) == sorted(str(rid("account", f"A-K-{number}")) for number in (1, 2))

    @pytest.mark.req("WG3D-152")
    async def test_addresses_need_their_field(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.group(a_group("P-1"))
        (without,) = await listed(client, await bearer(query_entry("G-1")))
        (with_field,) = await listed(client, await bearer(query_entry("G-1", flags=("include_aggregation_addresses",))))
        assert "grouped_addresses" not in without
        assert with_field["grouped_addresses"] == ["12 Harbor Street, G-1"]

    @pytest.mark.req("WG3D-155", "WG3D-154")
    async def test_types_bring_their_fields(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        types = ["public", "country", "province", "municipality", "premise_number", "rateplan_code", "service_type"]
        await stage.group(
            a_group(
                "P-1",
                aggregation_types=types,
                countries=["US"],
                provinces=["California"],
                municipalities=["Harbor"],
                premise_numbers=["FLAT 1"],
                criteria={"rateplan_code": ["E-1"], "service_types": ["electric"]},
            )
        )
        (shown,) = await listed(client, await bearer(query_entry("G-1")))
        fields = ("countries", "provinces", "municipalities", "premise_numbers", "rateplan_code", "service_types")
        assert {name: shown[name] for name in fields} == {
            "countries": ["US"], "provinces": ["California"], "municipalities": ["Harbor"], "premise_numbers": ["FLAT 1"],
            "rateplan_code": ["E-1"], "service_types": ["electric"],
        }  # fmt: skip

    @pytest.mark.req("WG3D-153", "WG3D-156")
    async def test_no_list_is_longer_than_allowed(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.know(*(a_flat(number) for number in range(1, 102)))
        names = [f"P-{number}" for number in range(1, 102)]
        await stage.group(a_group(*names[:100], aggregation_types=["listed", "contract_number"]))
        await stage.group(a_group(*names, ref="G-2", aggregation_types=["listed", "contract_number"]))
        everything = an_entry(visible={"aggregation": None, "service_contract": None, "service_point": None})
        shown = {one["cds_aggregation_id"]: one for one in await listed(client, await bearer(everything))}
        small, large = shown.pop(str(rid("aggregation", "G-1"))), shown.pop(str(rid("aggregation", "G-2")))
        assert len(small["grouped_servicecontracts"]) == 100
        assert (large["grouped_servicecontracts"], sorted(large["grouped_aggregations"])) == ([], sorted(shown))
        assert sorted(len(part["grouped_servicecontracts"]) for part in shown.values()) == [1, 100]
        assert all(part["scope"] == "" and part["aggregation_number"] is None for part in shown.values())

    @pytest.mark.req("WG3D-026")
    async def test_fields_of_the_utility_stand_beside_the_defined_ones(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        own: dict[str, Any] = {"hlp_shore_km": {"number": "11.40"}, "hlp_feeder": "7-N"}
        region = {"region_ref": "R-1", "name": "Shore", "types": ["county"], "counties": ["Alder"], "additional_fields": own}
        await stage.group(a_group("P-1", aggregation_types=["public", "region"], regions=[region], additional_fields=own))
        (shown,) = await listed(client, await bearer(query_entry("G-1")))
        for thing in (shown, shown["grouped_regions"][0]):
            assert (str(thing["hlp_shore_km"]), thing["hlp_feeder"]) == ("11.40", "7-N")
            assert "additional_fields" not in thing
        for name in ("grouped_accounts", "consent_requirements", "feeder"):
            with pytest.raises(ValidationError):
                a_group("P-1", additional_fields={name: "x"})

    @pytest.mark.req("WG3D-158")
    async def test_an_aggregation_is_of_exactly_one_openness(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        for types in (["building"], ["public", "listed", "building"]):
            with pytest.raises(ValueError, match="one of public, listed and confidential"):
                await stage.group(a_group("P-1", aggregation_types=types))
        assert await listed(client, await bearer(query_entry("G-1"))) == []


class TestRegions:
    @pytest.mark.req("WG3D-159", "WG3D-160", "WG3D-161", "WG3D-162")
    async def test_a_map_is_open_to_the_tokens_that_see_its_aggregation(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        region = {
            "region_ref": "R-1",
            "name": "Harbor",
            "types": ["geographic", "postal_code"],
            "geojson": HARBOR,
            "postal_codes": ["94501"],
        }
        await stage.group(a_group("P-1", aggregation_types=["public", "region"], regions=[region]))
        headers = await bearer(query_entry("G-1"))
        (shown,) = await listed(client, headers)
        (area,) = shown["grouped_regions"]
        assert (area["name"], area["map_resource"], area["map_content_type"], area["postal_codes"]) == ("Harbor", None, None, ["94501"])
        answer = await client.get(area["geojson_resource"], headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
        assert b"-122.0" in answer.content
        assert answer.json() == HARBOR
        assert (await client.get(area["geojson_resource"])).status_code == 401
        assert (await client.get(area["geojson_resource"], headers=await bearer(query_entry(), client_id="other"))).status_code == 404
        assert (await client.get(area["geojson_resource"].replace(area["id"], "x"), headers=headers)).status_code == 404


class TestListing:
    @pytest.fixture(autouse=True)
    async def _groups(self, stage: Stage) -> None:
        region = {"region_ref": "R-1", "name": "North Shore", "types": ["county"], "counties": ["Harbor"]}
        for day, ref, changes in (
            (1, "G-1", {}), (2, "G-2", {"aggregation_types": ["public", "local"], "regions": [region]}), (3, "G-3", {}),
        ):  # fmt: skip
            stage.now = datetime(2026, 3, day, tzinfo=UTC)
            await stage.group(a_group(f"P-{ref}", ref=ref, **changes))
        stage.now = NOW

    @pytest.mark.req("WG3D-174")
    async def test_last_modified_first(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        headers = await bearer(query_entry("G-1", "G-2", "G-3"))
        assert numbers(await listed(client, headers)) == ["B-G-3", "B-G-2", "B-G-1"]
        stage.now = datetime(2026, 3, 19, tzinfo=UTC)
        await stage.group(a_group("P-G-1", name="Renamed", source_time=datetime(2026, 3, 18, tzinfo=UTC)))
        assert numbers(await listed(client, headers)) == ["B-G-1", "B-G-3", "B-G-2"]

    @pytest.mark.req("WG3D-172", "WG3D-009", "WG3D-010", "WG3D-011")
    async def test_filters(self, client: httpx.AsyncClient, bearer: Any) -> None:
        headers = await bearer(query_entry("G-1", "G-2"))
        one, hidden = str(rid("aggregation", "G-1")), str(rid("aggregation", "G-3"))
        for query, found in (
            ({"cds_aggregation_ids": f"{one} {hidden} nonsense"}, ["B-G-1"]), ({"aggregation_numbers": "B-G-2 B-G-3"}, ["B-G-2"]),
            ({"aggregation_types": "local region"}, ["B-G-2"]), ({"aggregation_types": "building public"}, ["B-G-2", "B-G-1"]),
            ({"aggregation_types": "Building"}, []), ({"aggregation_numbers": "B-G-1", "aggregation_types": "public"}, []),
        ):  # fmt: skip
            assert numbers(await listed(client, headers, **query)) == found

    @pytest.mark.req("WG3D-173", "WG3D-013")
    async def test_q_searches_what_the_token_may_read(self, client: httpx.AsyncClient, bearer: Any) -> None:
        bare = await bearer(query_entry("G-1", "G-2", "G-3"))
        addressed = await bearer(query_entry("G-1", "G-2", "G-3", flags=("include_aggregation_addresses",)))
        assert numbers(await listed(client, bare, q="b-g-2")) == ["B-G-2"]
        assert numbers(await listed(client, bare, q="NORTH shore")) == ["B-G-2"]
        assert numbers(await listed(client, bare, q=str(rid("aggregation", "G-3"))[:18])) == ["B-G-3"]
        assert numbers(await listed(client, bare, q="street, g-1")) == []
        assert numbers(await listed(client, addressed, q="street, g-1")) == ["B-G-1"]
        assert numbers(await listed(client, bare, q="%")) == []
        assert (await client.get(f"{PATH}?q=a&q=b", headers=bare)).status_code == 400
        assert (await client.get(f"{PATH}?q=%00", headers=bare)).status_code == 400

    async def test_a_frozen_grant_sees_the_version_of_its_moment(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        stage.now = datetime(2026, 3, 10, tzinfo=UTC)
        changed = a_group("P-G-1", aggregation_number="B-new", source_time=datetime(2026, 3, 9, tzinfo=UTC))
        await stage.group(changed)
        entry = query_entry("G-1")
        frozen = entry.model_copy(update={"sync_until": datetime(2026, 3, 5, tzinfo=UTC)})
        early = entry.model_copy(update={"sync_until": datetime(2025, 3, 5, tzinfo=UTC)})
        assert numbers(await listed(client, await bearer(entry))) == ["B-new"]
        assert numbers(await listed(client, await bearer(frozen))) == ["B-G-1"]
        assert await listed(client, await bearer(early)) == []

    @pytest.mark.req("WG3D-018", "WG3D-019", "WG3D-020")
    async def test_pages(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        refs = [f"N-{number}" for number in range(101)]
        await stage.group(*(a_group(f"P-{ref}", ref=ref) for ref in refs))
        headers = await bearer(query_entry(*refs))
        first = (await client.get(PATH, headers=headers)).json()
        second = (await client.get(first["next"], headers=headers)).json()
        assert (len(first["aggregations"]), len(second["aggregations"])) == (100, 1)
        assert (first["previous"], second["next"]) == (None, None)
        again = (await client.get(second["previous"], headers=headers)).json()
        assert [one["cds_aggregation_id"] for one in again["aggregations"]] == [one["cds_aggregation_id"] for one in first["aggregations"]]
        assert (await client.get(first["next"] + "x", headers=headers)).status_code == 400
