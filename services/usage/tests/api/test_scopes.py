"""The usage scopes of CDS-WG3-01 §6.1.9 and §6.2.8: entries resolved over real relations, shown by the listings."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from cds_common.access.entitlements import resolve_entry
from cds_common.access.relations import Relations
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry, Selection
from cds_common.events.resources import EntitlementEntry, ResourceKind, ResourcePublishedV1, Tenure
from cds_common.events.values import AggregateDayV1, AggregationPublishedV1
from cds_common.grant_copy.testing import store_grant
from cds_common.ids import Kind
from cds_common.testing.schemas import assert_valid
from cds_common.testing.tokens import TokenMaker
from cds_usage.application.list_segments import SegmentReader
from cds_usage.application.record_aggregates import ingest_aggregates
from cds_usage.domain.value_formats import CatalogueFormat, FormatCatalogue
from cds_usage.persistence.series import SeriesKinds
from services.usage.tests.api.test_eacs import an_eac, record
from services.usage.tests.builders import NOW, Stage, at, column, readings, rid

ANNA = UUID(int=7)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
START = "2026-03-01T00:00:00-08:00"
MEMBERS = {
    "cds_usagesegment_id", "cds_created", "cds_modified", "cds_synced", "related_aggregations", "related_accounts",
    "related_servicecontracts", "related_servicepoints", "related_meterdevices", "related_billsections", "segment_start", "segment_end",
    "interval", "formats", "values",
}  # fmt: skip
RELATED = {
    "include_accounts": "related_accounts", "include_service_contracts": "related_servicecontracts",
    "include_service_points": "related_servicepoints", "include_meter_devices": "related_meterdevices",
    "include_aggregations": "related_aggregations",
}  # fmt: skip
ALL = ["el-15min"]


def a_home(name: str) -> list[ResourcePublishedV1]:
    """Account A-<name> with contract C-, point P- and meter M-, all Anna's since 2020."""

    def one(kind: ResourceKind, letter: str, **members: Any) -> ResourcePublishedV1:
        object_id = rid(kind, f"{letter}-{name}")
        return ResourcePublishedV1(
            environment="sandbox", kind=kind, resource_id=object_id, ref=f"{letter}-{name}", version=1, customer_ids=[ANNA],
            account_ids=[rid("account", f"A-{name}")], number=f"{letter}-{name}", **members,
        )  # fmt: skip

    contract, point = (Tenure(id=rid(kind, f"{letter}-{name}"), start=SINCE) for kind, letter in _LINKS)
    return [
        one("account", "A"),
        one("service_contract", "C", contracts=[contract], current_contract_ids=[contract.id], service_points=[point]),
        one("service_point", "P", contracts=[contract], current_contract_ids=[contract.id]),
        one("meter_device", "M", contracts=[contract], service_points=[point]),
    ]


_LINKS: tuple[tuple[ResourceKind, str], ...] = (("service_contract", "C"), ("service_point", "P"))
HOMES = [*a_home("1"), *a_home("2")]
GROUP = AggregationPublishedV1(
    environment="sandbox", aggregation_id=rid("aggregation", "G-1"), ref="G-1", version=1, aggregation_number="G-1", name="",
    aggregation_types=["building"], member_count=2, service_point_ids=[rid("service_point", f"P-{n}") for n in "12"],
    consent_requirement="always",
)  # fmt: skip


def resolved(
    scope_type: str, picked: tuple[Kind, str] | None, permission: DirectPermission | None = None, **details: Any
) -> EntitlementEntry:
    selection = None if picked is None else Selection(kind=picked[0], ids=[rid(*picked)])  # type: ignore[arg-type]
    asked = {"include_usage_segment_value_types": ALL} | details
    entry = GrantEntry(
        entry_no=0, scope=scope_type, scope_type=scope_type, details=asked, selection=selection, permission=permission, enabled=True
    )
    return resolve_entry(entry, customer_ids=[ANNA], relations=Relations.of(HOMES, [GROUP], at=NOW))


@pytest.fixture
async def usage(stage: Stage) -> Stage:
    """Three hours of both homes, and their sum for a day."""
    await stage.know(*HOMES)
    await stage.take(*(readings(START, list(range(12)), servicepoint_ref=f"P-{n}", meter_ref=f"M-{n}") for n in "12"))
    total = AggregateDayV1(
        environment="sandbox", aggregation_id=GROUP.aggregation_id, day=at(START).date(), version=1,
        shape={"value_type": "electric_usage", "units": "kWh"}, interval_seconds=900, start=at(START), decimals=3, values=[0, 2, 4],
        source_time=at("2026-03-10T00:00:00Z"),
    )  # fmt: skip
    await ingest_aggregates(stage.sessions, stage.ingest, [total.model_dump()])
    return stage


DIRECT = DirectPermission(everything=True)
CASES = [
    pytest.param(("account", "A-1"), "related_accounts", "include_accounts", marks=pytest.mark.req("WG3A-228")),
    pytest.param(("service_contract", "C-1"), "related_servicecontracts", "include_service_contracts", marks=pytest.mark.req("WG3A-229")),
    pytest.param(("service_point", "P-1"), "related_servicepoints", "include_service_points", marks=pytest.mark.req("WG3A-230")),
    pytest.param(("meter_device", "M-1"), "related_meterdevices", "include_meter_devices", marks=pytest.mark.req("WG3A-231")),
    pytest.param(("aggregation", "G-1"), "related_aggregations", "include_aggregations", marks=pytest.mark.req("WG3A-232")),
]


class TestUsageScope:
    @pytest.mark.parametrize(("picked", "member", "flag"), CASES)
    async def test_what_was_picked_shows_its_usage_and_no_other(
        self, usage: Stage, *, picked: tuple[Kind, str], member: str, flag: str
    ) -> None:
        (segment,) = await usage.segments(resolved("cds_usage", picked, **{flag: True}))
        assert segment[member] == [str(rid(*picked))]
        assert len(segment["values"]) == (3 if picked[0] == "aggregation" else 12)
        inside = {"segment_start": "2026-03-01T08:15:00Z", "segment_end": "2026-03-01T08:45:00Z"}
        (cut,) = await usage.segments(resolved("cds_usage", picked, **inside))
        assert (cut["segment_start"], cut["segment_end"]) == ("2026-03-01T08:15:00Z", "2026-03-01T08:45:00Z")
        assert await usage.segments(resolved("cds_usage", picked, segment_start="2026-03-02T00:00:00Z")) == []

    @pytest.mark.req("WG3A-227", "WG3A-233")
    async def test_other_objects_are_named_when_they_are_included(self, usage: Stage) -> None:
        picked: tuple[Kind, str] = ("service_contract", "C-1")
        includes = [*(each for each in RELATED if each != "include_aggregations"), "include_contract_numbers", "include_meter_numbers"]
        for details in ({}, dict.fromkeys(includes, False)):
            (bare,) = await usage.segments(resolved("cds_usage", picked, **details))
            assert set(bare) == MEMBERS
            assert all(bare[member] == [] for member in RELATED.values())
        for flag, member in RELATED.items():
            if flag != "include_aggregations":
                (segment,) = await usage.segments(resolved("cds_usage", picked, **{flag: True}))
                assert [name for name in RELATED.values() if segment[name]] == [member]
        assert "include_contract_numbers" in resolved("cds_usage", picked, include_contract_numbers=True).flags
        assert "include_contract_numbers" not in resolved("cds_usage", picked).flags

    @pytest.mark.req("WG3B-222", "WG3B-212")
    async def test_both_edges_cut_and_a_growing_segment_stops_at_the_later_one(self, usage: Stage) -> None:
        window = {"segment_start": "2026-03-01T09:00:00Z", "segment_end": "2026-03-01T11:30:00Z"}
        entry = resolved("cds_usage", ("service_point", "P-1"), **window)
        (before,) = await usage.segments(entry)
        assert column(before) == [f"0.{value:03d}" for value in range(4, 12)]
        await usage.take(readings("2026-03-01T03:00:00-08:00", [12, 13, 14], servicepoint_ref="P-1", meter_ref="M-1"))
        (after,) = await usage.segments(entry)
        assert column(after) == [f"0.{value:03d}" for value in range(4, 14)]
        assert all(len(row) == len(after["formats"]) for row in after["values"])
        assert after["segment_end"] == "2026-03-01T11:30:00Z"
        swapped = {"segment_start": window["segment_end"], "segment_end": window["segment_start"]}
        assert await usage.segments(resolved("cds_usage", ("service_point", "P-1"), **swapped)) == []


class TestQueryUsage:
    @pytest.mark.req("WG3A-273", "WG3A-247")
    async def test_it_shows_usage_with_every_format_and_only_of_what_is_named(self, usage: Stage) -> None:
        for details in ({}, {"include_usage_segments": None}):
            both = await usage.segments(resolved("cds_query_usage", None, DIRECT, **details))
            assert len(both) == 2
            assert all(set(each) == MEMBERS and [one["id"] for one in each["formats"]] == ALL for each in both)
        (one,) = await usage.segments(resolved("cds_query_usage", None, DIRECT, account_numbers=["A-2"], include_service_points=True))
        assert one["related_servicepoints"] == [str(rid("service_point", "P-2"))]
        assert await usage.segments(resolved("cds_query_usage", None, DIRECT, account_numbers=["A-2"], meter_numbers=["M-1"])) == []
        (total,) = await usage.segments(resolved("cds_query_usage", None, DIRECT, aggregation_numbers=["G-1"], include_aggregations=True))
        assert (total["related_aggregations"], column(total)) == ([str(GROUP.aggregation_id)], ["0.000", "0.002", "0.004"])

    @pytest.mark.req("WG3B-184")
    async def test_usage_before_what_the_client_may_see_stays_hidden(self, usage: Stage) -> None:
        permission = DirectPermission(everything=True, data_from=datetime(2026, 3, 1, 10, tzinfo=UTC))
        for asked, first in (("2024-01-01T00:00:00Z", 8), ("2026-03-01T10:30:00Z", 10), ("infinite", 8)):
            entry = resolved("cds_query_usage", None, permission, account_numbers=["A-1"], segment_start=asked)
            (segment,) = await usage.segments(entry)
            assert column(segment) == [f"0.{value:03d}" for value in range(first, 12)]

    @pytest.mark.req("WG3B-101")
    async def test_usage_or_its_values_can_be_withheld(self, usage: Stage) -> None:
        hidden = DirectPermission(everything=True, withheld_fields=["include_usage_segments"])
        assert await usage.segments(resolved("cds_query_usage", None, hidden)) == []
        bare = DirectPermission(everything=True, withheld_fields=["include_usage_segment_value_types"])
        assert all((each["formats"], each["values"]) == ([], []) for each in await usage.segments(resolved("cds_query_usage", None, bare)))


FORMATS = [
    CatalogueFormat("w", (("value_type", "water_usage"), ("units", "m3")), "900", None),
    CatalogueFormat("e", (("value_type", "electric_usage"), ("units", "kWh")), "900", None),
    CatalogueFormat("c", (("value_type", "cost"), ("currency", "USD")), "900", None),
]


class TestFormats:
    @pytest.fixture
    async def mixed(self, stage: Stage) -> Stage:
        """Water, electricity and cost of one meter in one segment."""
        stage.reader = SegmentReader(stage.reader.calendar, FormatCatalogue(FORMATS), SeriesKinds())
        shapes: list[tuple[dict[str, Any], int]] = [
            ({"value_type": "water_usage", "units": "m3"}, 1000), ({"value_type": "electric_usage", "units": "kWh"}, 2500),
            ({"value_type": "cost", "units": None, "currency": "USD"}, 400),
        ]  # fmt: skip
        await stage.take(*(readings(START, [value], shape=shape) for shape, value in shapes))
        return stage

    @pytest.mark.req("WG3B-174", "WG3B-175", "WG3B-176", "WG3B-177", "WG3A-119")
    @pytest.mark.parametrize(
        ("chosen", "formats", "row", "indexes"),
        [
            (["e"], ["e"], [{"eu": "2.500"}], None),
            (["c", "e"], ["e", "c"], [{"eu": "2.500"}, {"c": "0.400"}], [0]),
            (["c"], ["c"], [{"c": "0.400"}], []),
            (["w", "e", "c"], ["w", "e", "c"], [{"wu": "1.000"}, {"eu": "2.500"}, {"c": "0.400"}], [0, 1]),
            (None, [], None, None),
        ],
    )
    async def test_only_chosen_formats_are_columns_and_references_follow(
        self, mixed: Stage, *, chosen: list[str] | None, formats: list[str], row: list[Any] | None, indexes: list[int] | None
    ) -> None:
        entry = resolved("cds_usage", ("service_point", "P-1"), include_usage_segment_value_types=chosen)
        (segment,) = await mixed.segments(entry)
        assert [each["id"] for each in segment["formats"]] == formats
        assert segment["values"] == ([] if row is None else [row])
        if indexes is not None:
            assert segment["formats"][-1]["indexes"] == indexes
        if chosen == ["e"]:
            assert segment["formats"] == [{"id": "e", "type": "electric_usage", "units": "kWh"}]
        assert (segment["segment_start"], segment["interval"]) == ("2026-03-01T08:00:00Z", 900)


class TestCertificates:
    @pytest.fixture
    def mixed(self, stage: Stage) -> None:
        """A format for shares of hydropower; `client` takes the reader as it is by then."""
        share = (("value_type", "electric_supply_mix"), ("attribution", "base"), ("supply_type", "hydro"))
        formats = [CatalogueFormat("mix", share, None, None), FORMATS[1]]
        stage.reader = SegmentReader(stage.reader.calendar, FormatCatalogue(formats), SeriesKinds())

    @pytest.fixture
    async def eacs(self, mixed: None, client: httpx.AsyncClient, stage: Stage, maker: TokenMaker) -> Any:
        async def listed(entry: EntitlementEntry) -> set[str]:
            async with stage.sessions.begin() as session:
                token = await store_grant(session, entry, now=NOW)
            claims = token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"})
            answer = await client.get("/cds/v1/eacs", headers=maker.headers(**claims))
            shown = assert_valid("energy-attribute-certificate-list-response.json", answer.content)["eacs"]
            names = {str(rid("eac", name)): name for name in ("named", "general", "other", "late")}
            return {names[each["cds_eac_id"]] for each in shown}

        return listed

    @pytest.mark.req("WG3B-180", "WG3B-181", "WG3A-115")
    async def test_certificates_named_by_open_usage_and_general_ones_are_listed(self, stage: Stage, eacs: Any) -> None:
        mix = {"value_type": "electric_supply_mix", "units": None, "attribution": "base", "supply_type": "hydro"}
        await record(
            stage, an_eac("named", "account", "A-9"), an_eac("other", "account", "A-9"), an_eac("general"), an_eac("late", "account", "A-9")
        )
        await stage.take(
            readings(START, [500], shape=mix, eac_refs=["named"]),
            readings("2026-03-09T00:00:00-08:00", [500], shape=mix, eac_refs=["late"]),
        )
        asked = {"include_eacs": True, "include_usage_segment_value_types": ["mix"]}
        picked: tuple[Kind, str] = ("service_point", "P-1")
        assert await eacs(resolved("cds_usage", picked, **asked)) == {"named", "late", "general"}
        until = {"segment_end": "2026-03-05T00:00:00Z"}
        assert await eacs(resolved("cds_usage", picked, **asked, **until)) == {"named", "general"}
        assert await eacs(resolved("cds_usage", picked, **asked | {"include_usage_segment_value_types": ["e"]})) == {"general"}
        assert await eacs(resolved("cds_usage", ("service_point", "P-2"), **asked)) == {"general"}
        assert await eacs(resolved("cds_usage", picked, **asked | {"include_eacs": False})) == set()
