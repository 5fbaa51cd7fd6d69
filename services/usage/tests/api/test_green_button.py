"""`/espi/1_1/resource/...` and `/export/v1/usage.csv`: the same Grants as Green Button and as a table."""

import csv
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import select

from cds_cli.loading.espi_to_utility import Target, events
from cds_cli.loading.summary import Summary
from cds_common.events.resources import EntitlementEntry
from cds_common.events.utility import ReadingsRecordedV1
from cds_common.grant_copy import TABLES
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.encryption import PUBLIC_JWK, opened
from cds_common.testing.tokens import TokenMaker
from cds_usage.api import green_button
from cds_usage.application.list_segments import SegmentReader
from cds_usage.domain.series import SHAPE_FIELDS
from cds_usage.domain.value_formats import CatalogueFormat, FormatCatalogue
from services.usage.tests.builders import FLAG, NOW, Stage, at, point_entry, readings, rid
from services.usage.tests.green_button import ATOM, ESPI, assert_structure, entries, link, parse, read_file, values

SHARED = Path(__file__).parents[5] / "shared" / "data" / "green-button"
RESOURCE = "/espi/1_1/resource"
TABLE = "/export/v1/usage.csv"
MARCH_7 = "2026-03-07T00:00:00-08:00"


@pytest.fixture
def bearer(stage: Stage, maker: TokenMaker) -> Any:
    async def header(*entries: EntitlementEntry, grant_id: str = "grant-1", **grant: Any) -> dict[str, str]:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, *entries, now=NOW, grant_id=grant_id, **grant)
        return maker.headers(**token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"}))

    return header


async def batch(client: httpx.AsyncClient, headers: dict[str, str], grant_id: str = "grant-1", **query: str) -> Any:
    answer = await client.get(f"{RESOURCE}/Batch/Subscription/{grant_id}", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = parse(answer.content)
    assert_structure(feed)
    return feed


def path_of(href: str) -> str:
    return urlsplit(href).path


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Green Button sample files are not beside this checkout")
@pytest.mark.parametrize(
    "name",
    [
        "15minLP_15Days", "1hrLP_32DaysFiveUsagePoints_M", "BatchFeedThreeUsagePoints_M", "MonthlyOnlyElectricData",
        "Inland_Single_Family_Jan_1_2011_to_Jan_1_2012",
    ],
)  # fmt: skip
async def test_a_loaded_file_comes_back_with_equal_values(
    client: httpx.AsyncClient, bearer: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = SHARED / f"{name}.xml.gz"
    sent = [
        event
        for event in events(path, Target("A-1", "A-1", "sandbox", ZoneInfo("America/Los_Angeles")), Summary())
        if isinstance(event, ReadingsRecordedV1)
    ]
    shapes = {tuple((name, str(getattr(one.shape, name))) for name in SHAPE_FIELDS if getattr(one.shape, name, None)) for one in sent}
    formats = [CatalogueFormat(f"f{number}", shape, None, None) for number, shape in enumerate(sorted(shapes))]
    catalogue = FormatCatalogue(formats)
    monkeypatch.setattr(SegmentReader, "formats", property(lambda _self: catalogue), raising=False)
    await stage.take(*sent)
    entry = an_entry(flags=[FLAG], value_formats=[one.format_id for one in formats], reach={"service_point": None})
    expected = values(read_file(path))
    assert len(expected) >= 12
    assert values(await batch(client, await bearer(entry))) == expected


async def test_our_own_feed_comes_back_through_the_loader(client: httpx.AsyncClient, bearer: Any, stage: Stage, tmp_path: Path) -> None:
    usage, back = {"direction": "forward"}, {"direction": "reverse"}
    sent = [
        readings(MARCH_7, [1200, None, 1500, 7], shape=usage, quality="valid"),
        readings(MARCH_7, [-3, -4], shape=back, quality="estimated"),
        readings(MARCH_7, [15, None, 2], shape={"value_type": "cost", "units": None, "currency": "USD"}, decimals=2),
        # More digits than usual: our feed gives them a Meter Reading of their own.
        readings("2026-02-02T00:00:00-08:00", [12_345_678], shape=usage, quality="valid", decimals=7),
    ]
    await stage.take(*sent)
    headers = await bearer(point_entry(formats=["el-forward", "el-reverse", "cost"]))
    path, summary = tmp_path / "ours.xml", Summary()
    path.write_bytes((await client.get(f"{RESOURCE}/Batch/Subscription/grant-1", headers=headers)).content)
    found = [
        event
        for event in events(path, Target("A-1", "A-1", "sandbox", ZoneInfo("America/Los_Angeles")), summary)
        if isinstance(event, ReadingsRecordedV1)
    ]
    assert summary.refused == 0
    assert told(found) == told(sent)
    assert len({event.meter_ref for event in found}) == 1


def told(sent: list[ReadingsRecordedV1]) -> set[tuple[Any, ...]]:
    """What messages say: each value in Wh or in the currency, with its shape, time and quality; costs have no quality in a feed."""
    return {
        (
            event.shape.value_type, event.shape.direction, event.start + timedelta(seconds=event.interval_seconds * place),
            event.interval_seconds, Decimal(value).scaleb(-digits_of(event, place)) * (1000 if event.shape.units == "kWh" else 1),
            event.quality if event.shape.value_type != "cost" else None,
        )
        for event in sent
        for place, value in enumerate(event.values)
        if value is not None
    }  # fmt: skip


def digits_of(event: ReadingsRecordedV1, place: int) -> int:
    return event.decimals if isinstance(event.decimals, int) else event.decimals[place]


class TestFeed:
    async def test_units_directions_costs_and_qualities(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        usage = {"direction": "reverse"}
        await stage.take(
            readings(MARCH_7, [-120, None, -122], shape=usage, quality="estimated"),
            readings(MARCH_7, [15], shape={"value_type": "cost", "units": None, "currency": "USD"}, decimals=2),
        )
        feed = await batch(client, await bearer(point_entry(formats=["el-reverse", "cost"])))
        (kind,) = entries(feed, "ReadingType")
        told = {child.tag.removeprefix(ESPI): child.text for child in kind.find(f"{ATOM}content/{ESPI}ReadingType") or ()}
        assert told == {
            "accumulationBehaviour": "4", "commodity": "1", "currency": "840", "flowDirection": "19", "intervalLength": "900", "kind": "12",
            "powerOfTenMultiplier": "0", "uom": "72",
        }  # fmt: skip
        (block,) = entries(feed, "IntervalBlock")
        shown = [
            [reading.findtext(f"{ESPI}{path}") for path in ("cost", f"ReadingQuality/{ESPI}quality", f"timePeriod/{ESPI}start", "value")]
            for reading in block.iter(f"{ESPI}IntervalReading")
        ]
        first = int(at(MARCH_7).timestamp())
        assert shown == [["15000", "8", str(first), "120"], [None, "8", str(first + 1800), "122"]]

    @pytest.mark.parametrize(
        ("decimals", "value", "power", "shown"),
        [(0, 7, "0", "7000"), (3, 7001, "0", "7001"), (4, 70001, "-3", "7000100"), (7, 70000001, "-6", "7000000100")],
    )
    async def test_every_digit_is_kept(
        self, client: httpx.AsyncClient, bearer: Any, stage: Stage, decimals: int, value: int, power: str, shown: str
    ) -> None:
        await stage.take(readings(MARCH_7, [value], decimals=decimals))
        feed = await batch(client, await bearer(point_entry()))
        assert feed.findtext(f".//{ESPI}powerOfTenMultiplier") == power
        assert feed.findtext(f".//{ESPI}IntervalReading/{ESPI}value") == shown

    async def test_only_what_the_grant_opens_is_shown(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        other = {"servicepoint_ref": "P-2", "meter_ref": "M-2"}
        await stage.take(readings(MARCH_7, [1, 2, 3, 4]), readings(MARCH_7, [9], **other))
        cut = point_entry(segment_start=at("2026-03-07T00:15:00-08:00"), segment_end=at("2026-03-07T00:45:00-08:00"))
        feed = await batch(client, await bearer(cut))
        assert [one.text for one in feed.iter(f"{ESPI}value")] == ["2", "3"]
        assert len(entries(feed, "UsagePoint")) == 1
        nothing = await batch(client, await bearer(point_entry(formats=None), grant_id="grant-2"), "grant-2")
        assert list(nothing.iter(f"{ATOM}entry")) == []

    async def test_a_token_reads_its_own_subscriptions_alone(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        mine = await bearer(point_entry())
        theirs = await bearer(point_entry(), grant_id="grant-2", client_id="other")
        for headers, grant_id, status in (({}, "grant-1", 401), (mine, "grant-2", 404), (theirs, "grant-1", 404), (mine, "nothing", 404)):
            for path in (f"Batch/Subscription/{grant_id}", f"Subscription/{grant_id}/UsagePoint"):
                assert (await client.get(f"{RESOURCE}/{path}", headers=headers)).status_code == status
        await bearer(point_entry(), status="revoked", version=2)
        assert (await client.get(f"{RESOURCE}/Batch/Subscription/grant-1", headers=mine)).status_code == 401

    async def test_time_filters_choose_blocks(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings("2026-01-10T00:00:00-08:00", [1]), readings(MARCH_7, [3]))
        headers = await bearer(point_entry())
        query = {"published-min": "2026-02-02T00:00:00Z", "published-max": "2026-03-20T00:00:00Z"}
        assert [one.text for one in (await batch(client, headers, **query)).iter(f"{ESPI}value")] == ["3"]
        refused = await client.get(f"{RESOURCE}/Batch/Subscription/grant-1", headers=headers, params={"published-min": "soon"})
        assert refused.status_code == 400

    async def test_a_long_feed_goes_on_at_its_next_link(
        self, client: httpx.AsyncClient, bearer: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(green_button, "FEED_PAGES", 1)
        many = [f"P-{number}" for number in range(101)]
        await stage.take(*(readings(MARCH_7, [number], servicepoint_ref=ref, meter_ref=f"M-{ref}") for number, ref in enumerate(many)))
        headers = await bearer(point_entry(*many))
        first = await batch(client, headers)
        (following,) = [found.get("href", "") for found in first.findall(f"{ATOM}link") if found.get("rel") == "next"]
        rest = await client.get(following, headers=headers)
        seen = [str(one.text) for feed in (first, parse(rest.content)) for one in feed.iter(f"{ESPI}value")]
        assert len(list(first.iter(f"{ESPI}value"))) == 100
        assert sorted(map(int, seen)) == list(range(101))
        table = (await client.get(TABLE, headers=headers)).text
        assert len(table.splitlines()) == 102

    async def test_a_key_of_the_grant_holds_here_too(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [77]))
        headers = await bearer(point_entry(), details={"jwk": PUBLIC_JWK})
        content, kind = opened(await client.get(f"{RESOURCE}/Batch/Subscription/grant-1", headers=headers))
        assert kind == "atom+xml"
        assert [one.text for one in parse(content).iter(f"{ESPI}value")] == ["77"]
        content, kind = opened(await client.get(TABLE, headers=headers))
        assert kind == "text/csv"
        assert b",0.077," in content


async def test_every_link_leads_to_its_resource(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await stage.take(readings(MARCH_7, [1, 2]))
    headers = await bearer(point_entry())
    feed = await batch(client, headers)
    for entry in feed.iter(f"{ATOM}entry"):
        own, up = f"/{link(entry, 'self')[0].split('/', 3)[3]}", f"/{link(entry, 'up')[0].split('/', 3)[3]}"
        alone, listed = await client.get(own, headers=headers), await client.get(up, headers=headers)
        assert (alone.status_code, listed.status_code) == (200, 200), own
        assert link(parse(alone.content), "self") == link(entry, "self")
        assert [link(one, "self") for one in parse(listed.content).iter(f"{ATOM}entry")] == [link(entry, "self")]
    (point,) = entries(feed, "UsagePoint")
    assert [path_of("/" + href.split("/", 3)[3]) for href in link(point, "related")][1] == f"{RESOURCE}/UsageSummary"
    unknown = f"/{link(point, 'self')[0].split('/', 3)[3][:-4]}0000"
    assert (await client.get(unknown, headers=headers)).status_code == 404
    assert (await client.get(f"{RESOURCE}/Subscription/grant-1/UsagePoint/no-uuid", headers=headers)).status_code == 400


async def test_exports_are_in_the_access_log(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await stage.take(readings(MARCH_7, [1]))
    headers = await bearer(point_entry())
    await batch(client, headers)
    await client.get(TABLE, headers=headers)
    async with stage.sessions.begin() as session:
        rows = (await session.execute(select(TABLES.access_log.c.endpoint, TABLES.access_log.c.object_count))).all()
    assert [tuple(row) for row in rows] == [("green-button", 1), ("usage-table", 1)]


class TestTable:
    async def test_a_line_has_all_of_a_value(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [120, None, 1], quality="valid"))
        answer = await client.get(TABLE, headers=await bearer(point_entry()))
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["cache-control"] == "private, no-cache"
        lines = list(csv.DictReader(answer.text.splitlines()))
        assert [(line["start"], line["value"]) for line in lines] == [
            ("2026-03-07T08:00:00Z", "0.120"), ("2026-03-07T08:30:00Z", "0.001"),
        ]  # fmt: skip
        assert {name: lines[0][name] for name in ("format_id", "value_type", "units", "currency", "interval_seconds", "quality")} == {
            "format_id": "el-15min", "value_type": "electric_usage", "units": "kWh", "currency": "", "interval_seconds": "900",
            "quality": "valid",
        }  # fmt: skip

    async def test_filters_are_those_of_the_listing(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]), readings(MARCH_7, [2], servicepoint_ref="P-2", meter_ref="M-2"))
        headers = await bearer(point_entry("P-1", "P-2"))
        query = {"cds_servicepoint_ids": str(rid("service_point", "P-2"))}
        assert [line.split(",")[-2] for line in (await client.get(TABLE, headers=headers, params=query)).text.splitlines()[1:]] == ["0.002"]
        assert (await client.get(TABLE, headers=headers, params={"before": "x"})).status_code == 400
        assert (await client.get(TABLE)).status_code == 401
