"""How answers leave: encrypted to the Grant's key, or with an ETag."""

import pytest

from cds_common.testing.encryption import PUBLIC_JWK, opened
from services.accounts.tests.builders import a_home
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import PATHS, direct


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.req("WG3B-268", "WG3B-271")
async def test_listings_are_for_the_key_alone(world: World, path: str) -> None:
    plain, closed = direct(path), direct(path, jwk=PUBLIC_JWK).model_copy(update={"grant_id": "grant-2"})
    await world.tell(*a_home(), plain, closed)
    shown, hidden = await world.get(path, plain), await world.get(path, closed)
    assert len(next(iter(shown.json().values()))) == 1
    assert opened(hidden) == (shown.content, "json")


async def test_an_unchanged_listing_is_not_sent_again(world: World) -> None:
    grant = direct("accounts")
    await world.tell(*a_home(), grant)
    first = await world.get("accounts", grant)
    again = await world.client.get("/cds/v1/accounts", headers=world.headers(grant) | {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
