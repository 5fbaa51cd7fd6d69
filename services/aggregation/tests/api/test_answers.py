"""How answers leave: encrypted to the Grant's key, or with an ETag."""

from typing import Any

import httpx
import pytest

from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.encryption import PUBLIC_JWK, opened
from cds_common.testing.tokens import TokenMaker
from services.aggregation.tests.builders import NOW, Stage, a_group, rid

PATH = "/cds/v1/aggregations"


@pytest.mark.req("WG3B-268", "WG3B-271")
async def test_aggregations_are_for_the_key_alone(client: httpx.AsyncClient, stage: Stage, maker: TokenMaker) -> None:
    await stage.group(a_group("P-1", ref="G-1"))
    entry = an_entry(
        scope="query",
        scope_type="cds_query_aggregations",
        flags=["include_aggregations"],
        visible={"aggregation": [rid("aggregation", "G-1")]},
    )

    async def get(**details: Any) -> httpx.Response:
        async with stage.sessions.begin() as session:
            token = await store_grant(session, entry, details=details, now=NOW)
        claims = token.model_dump(include={"sub", "client_id", "registration_id", "environment", "scope", "cds_grant_ids"})
        return await client.get(PATH, headers=maker.headers(**claims))

    plain, closed = await get(jwk=None), await get(jwk=PUBLIC_JWK)
    assert len(plain.json()["aggregations"]) == 1
    assert plain.headers["etag"].startswith('W/"')
    assert opened(closed) == (plain.content, "json")
