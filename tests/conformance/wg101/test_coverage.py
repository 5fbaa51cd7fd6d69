"""CDS-WG1-01 §2, §3.3, §4: coverage entries of utilities of another shape than the shipped one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cds_common.utility import Utility
from services.registry.tests.builders import Registry
from services.registry.tests.schemas import assert_fits
from tests.conformance.servers import Serve

COVERAGE = "/cds/v1/coverage"


async def entries(registry: Registry) -> dict[str, dict[str, Any]]:
    body = (await registry.http.get(COVERAGE)).json()
    assert_fits(body, "coverage-list-response")
    return {entry["id"]: entry for entry in body["coverage_entries"]}


def with_entry(utility: Utility, entry_id: str, **changes: Any) -> Utility:
    changed = [each.model_copy(update=changes) if each.id == entry_id else each for each in utility.coverage]
    return utility.model_copy(update={"coverage": changed})


@pytest.mark.req("WG101-030")
async def test_only_the_changed_entry_moves_its_time(serve: Serve, utility: Utility) -> None:
    async with serve(utility) as registry:
        before = await entries(registry)
        start: datetime = registry.now
    async with serve(with_entry(utility, "hlp-gas", description="All of Port Alder."), now=start + timedelta(days=3)) as registry:
        after = await entries(registry)
    assert after["hlp-gas"]["updated"] == "2026-11-27T18:00:00Z"
    assert after["hlp-gas"]["created"] == before["hlp-gas"]["created"]
    for other in ("hlp-electric", "hlp-water"):
        assert after[other] == before[other]


@pytest.mark.req("WG101-040")
async def test_one_endpoint_has_an_entry_per_commodity(registry: Registry) -> None:
    found = await entries(registry)
    assert found["hlp-electric"]["commodity_types"] == ["electricity", "distributed_energy"]
    assert found["hlp-gas"]["commodity_types"] == ["natural_gas"]
    assert found["hlp-water"]["commodity_types"] == ["water"]
    maps = [(await registry.http.get(each["geojson_resource"])).content for each in found.values()]
    assert len({*maps}) == 3


@pytest.mark.req("WG101-018")
async def test_a_parent_lists_its_subsidiaries(serve: Serve, utility: Utility) -> None:
    parent = with_entry(utility, "hlp-water", entity_name="Port Alder Water District", entity_abbreviation="PAWD", entity_number="PAWD")
    async with serve(parent) as registry:
        found = await entries(registry)
        body = (await registry.http.get("/.well-known/cds-server-metadata.json")).json()
    assert body["name"] == "Harbor Light & Power"
    assert {each["entity_name"] for each in found.values()} == {"Harbor Light & Power", "Port Alder Water District"}


@pytest.mark.req("WG101-042")
async def test_no_territory_has_two_authoritative_entries_for_a_capability(registry: Registry) -> None:
    claims: list[tuple[bytes, str, str]] = []
    for entry in (await entries(registry)).values():
        if entry["role"] == "authoritative":
            territory = (await registry.http.get(entry["geojson_resource"])).content
            claims += [(territory, capability, commodity) for capability in entry["capabilities"] for commodity in entry["commodity_types"]]
    assert claims
    assert len(claims) == len({*claims})


@pytest.mark.req("WG101-036")
async def test_a_map_is_never_named_without_its_media_type(registry: Registry) -> None:
    for entry in (await entries(registry)).values():
        assert ("map_resource" in entry) == ("map_content_type" in entry)
        answer = await registry.http.get(entry["geojson_resource"])
        assert answer.headers["content-type"] == "application/geo+json"


@pytest.mark.req("WG101-031", "WG101-032", "WG101-033", "WG101-034", "WG101-038", "WG101-039")
async def test_an_entry_shows_what_it_has_and_leaves_out_the_rest(serve: Serve, utility: Utility) -> None:
    bare: dict[str, Any] = {
        "type": "logical", "geojson": None, "description": None, "entity_number": None, "entity_abbreviation": None, "country": "CA",
        "infrastructure_types": [], "commodity_types": [],
    }  # fmt: skip
    async with serve(with_entry(utility, "hlp-water", **bare)) as registry:
        found = await entries(registry)
    entry = found["hlp-water"]
    assert (entry["entity_abbreviation"], entry["country"], entry["type"]) == (None, "CA", "logical")
    assert (entry["infrastructure_types"], entry["commodity_types"], entry["capabilities"]) == ([], [], ["oauth"])
    for optional in ("description", "map_resource", "map_content_type", "geojson_resource", "entity_number"):
        assert optional not in entry
    assert found["hlp-gas"]["geojson_resource"].startswith("http://localhost:8080/")
    assert found["hlp-gas"]["country"] == "US"


@pytest.mark.req("WG101-023", "WG101-024", "WG101-025", "WG101-029")
async def test_a_long_listing_is_walked_in_order_and_a_touched_entry_comes_first(serve: Serve, utility: Utility) -> None:
    gas = next(each for each in utility.coverage if each.id == "hlp-gas")
    changed = [gas.updated + timedelta(hours=number * 7 % 230) for number in range(230)]
    many = [gas.model_copy(update={"id": f"town-{number:03}", "updated": moment}) for number, moment in enumerate(changed)]
    full = utility.model_copy(update={"coverage": [*utility.coverage, *many]})
    async with serve(full) as registry:
        pages = await walk(registry)
        start: datetime = registry.now
    assert [len(page) for page in pages] == [100, 100, 33]
    seen = [entry for page in pages for entry in page]
    assert len({entry["id"] for entry in seen}) == 233
    updated = [entry["updated"] for entry in seen]
    assert updated == sorted(updated, reverse=True)
    last = seen[-1]["id"]
    async with serve(with_entry(full, last, name="Renamed"), now=start + timedelta(days=1)) as registry:
        assert (await walk(registry))[0][0]["id"] == last


async def walk(registry: Registry) -> list[list[dict[str, Any]]]:
    """Every page of the listing by its `next`, and back again by `previous`."""
    pages: list[list[dict[str, Any]]] = []
    url, back = COVERAGE, None
    while url:
        body = (await registry.http.get(url)).json()
        pages.append(body["coverage_entries"])
        assert (body["previous"] is None) == (len(pages) == 1)
        url, back = body["next"], body["previous"]
    for page in reversed(pages[:-1]):
        body = (await registry.http.get(back)).json()
        assert body["coverage_entries"] == page
        back = body["previous"]
    assert back is None
    return pages
