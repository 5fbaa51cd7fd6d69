"""How answers leave: encrypted to the Grant's key, or with an ETag that follows the data."""

from typing import Any

import httpx
import pytest

from cds_common.events.resources import EntitlementEntry
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.encryption import PUBLIC_JWK, opened
from cds_common.testing.tokens import TokenMaker
from cds_usage.application.record_eac import record_eac
from services.usage.tests.api.test_eacs import an_eac
from services.usage.tests.builders import FLAG, NOW, Stage, at, point_entry, readings, rid

SEGMENTS = "/cds/v1/usage-segments"
MARCH_7 = "2026-03-07T00:00:00-08:00"


@pytest.fixture
def bearer(stage: Stage, maker: TokenMaker) -> Any:
    async def header(*entries: EntitlementEntry, **grant: Any) -> dict[str, str]:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, *entries, now=NOW, **grant)
        return maker.headers(**token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"}))

    return header


@pytest.mark.req("WG3B-268", "WG3B-271", "WG3B-272")
async def test_a_grant_with_a_key_gets_the_same_answers_for_its_eyes_only(client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
    await stage.take(readings(MARCH_7, [120, 121]))
    async with stage.sessions.begin() as session:
        await record_eac(session, an_eac("E-1"), NOW)
    entry = an_entry(
        flags=[FLAG, "include_eacs"], value_formats=["el-15min"], reach={"service_point": [rid("service_point", "P-1")]}, visible={}
    )
    plain, closed = await bearer(entry), await bearer(entry, details={"jwk": PUBLIC_JWK})
    eac = (await client.get("/cds/v1/eacs", headers=plain)).json()["eacs"][0]["cds_eac_id"]
    for path, kind in ((SEGMENTS, "json"), ("/cds/v1/eacs", "json"), (f"/cds/v1/eacs/{eac}/data", "json")):
        shown, hidden = await client.get(path, headers=plain), await client.get(path, headers=closed)
        assert (shown.status_code, hidden.status_code) == (200, 200)
        assert opened(hidden) == (shown.content, kind)
        assert len(shown.content) > 10
        assert shown.content not in hidden.content
    refused = await client.get(SEGMENTS, headers=closed, params={"before": "yesterday"})
    assert (refused.status_code, opened(refused)[1]) == (400, "problem+json")


class TestEtag:
    async def test_it_stays_while_nothing_changes(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [120, 121]))
        headers = await bearer(point_entry())
        first = await client.get(SEGMENTS, headers=headers)
        again = await client.get(SEGMENTS, headers=headers | {"If-None-Match": first.headers["etag"]})
        assert (first.headers["cache-control"], first.headers["vary"]) == ("private, no-cache", "Authorization")
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(
        "change",
        [
            readings(MARCH_7, [130], source_time=at("2026-03-16T00:00:00Z")),
            readings(MARCH_7, [130]),
            readings(MARCH_7, [120], decimals=2, source_time=at("2026-03-16T00:00:00Z")),
            readings("2026-03-07T00:30:00-08:00", [122]),
            readings("2026-03-08T10:00:00-07:00", [122]),
        ],
        ids=["correction", "correction of the same moment", "other digits", "one value more", "one day more"],
    )
    async def test_it_changes_with_every_value(self, client: httpx.AsyncClient, bearer: Any, stage: Stage, change: Any) -> None:
        await stage.take(readings(MARCH_7, [120, 121]))
        headers = await bearer(point_entry())
        first = await client.get(SEGMENTS, headers=headers)
        await stage.take(change)
        answer = await client.get(SEGMENTS, headers=headers | {"If-None-Match": first.headers["etag"]})
        assert answer.status_code == 200
        assert answer.content != first.content

    async def test_late_data_reaches_a_frozen_view_and_its_etag(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [120, 121]))
        await stage.take(readings(MARCH_7, [990], source_time=at("2026-03-19T00:00:00Z")))
        headers = await bearer(point_entry(sync_until=at("2026-03-17T00:00:00Z")))
        first = await client.get(SEGMENTS, headers=headers)
        await stage.take(readings(MARCH_7, [125], source_time=at("2026-03-16T00:00:00Z")))
        answer = await client.get(SEGMENTS, headers=headers | {"If-None-Match": first.headers["etag"]})
        assert answer.status_code == 200
        assert b"0.125" in answer.content
        assert b"0.125" not in first.content

    async def test_another_token_sees_another_version(self, client: httpx.AsyncClient, bearer: Any, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [120, 121]))
        first = await client.get(SEGMENTS, headers=await bearer(point_entry()))
        bare = await bearer(point_entry(formats=[]))
        answer = await client.get(SEGMENTS, headers=bare | {"If-None-Match": first.headers["etag"]})
        assert answer.status_code == 200
