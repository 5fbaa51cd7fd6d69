"""Who gets in, pages, and what is logged: the same for all four listings."""

from typing import Any

import pytest

from services.accounts.tests.builders import a_grant, a_home, an_account, an_entry, rid
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import PATHS, consent, direct


@pytest.mark.parametrize("path", PATHS)
class TestDoor:
    @pytest.mark.req("WG3D-001")
    async def test_without_a_token_there_is_no_data(self, world: World, path: str) -> None:
        grant = direct(path)
        await world.tell(*a_home(), grant)
        token = world.headers(grant)["Authorization"].removeprefix("Bearer ")
        for answer in (await world.client.get(f"/cds/v1/{path}"), await world.client.get(f"/cds/v1/{path}?access_token={token}")):
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert "cds_" not in answer.text

    @pytest.mark.req("WG3D-002")
    async def test_a_bad_or_expired_token_is_invalid(self, world: World, path: str) -> None:
        grant = direct(path)
        await world.tell(grant)
        expired = await world.get(path, grant, exp=1_700_000_000)
        random = await world.client.get(f"/cds/v1/{path}", headers={"Authorization": "Bearer abc.def.ghi"})
        for answer in (expired, random):
            assert answer.status_code == 401
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    @pytest.mark.req("WG3D-003")
    async def test_an_admin_token_reveals_nothing(self, world: World, path: str) -> None:
        grant = a_grant(an_entry(scope_type="cds_client_admin"), customers=())
        await world.tell(*a_home(), grant)
        answer = await world.get(path, grant)
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]

    @pytest.mark.req("WG3D-004", "WG3D-053", "WG3D-072", "WG3D-085", "WG3D-097")
    async def test_a_kind_that_the_grant_does_not_open_is_an_empty_list(self, world: World, path: str) -> None:
        grant = consent(scope_type="cds_bill_statements") if path != "accounts" else direct("meter-devices")
        await world.tell(*a_home(), grant)
        assert await world.listed(path, grant) == []

    @pytest.mark.req("WG3D-005")
    async def test_the_end_of_the_grant_ends_the_same_token(self, world: World, path: str) -> None:
        grant = direct(path)
        await world.tell(*a_home(), grant)
        assert len(await world.listed(path, grant)) == 1
        await world.tell(grant.model_copy(update={"version": 2, "status": "closed", "event_id": rid("part", "2")}))
        answer = await world.get(path, grant)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    @pytest.mark.req("WG3D-008")
    async def test_only_get_is_there(self, world: World, path: str) -> None:
        grant = direct(path)
        await world.tell(grant)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await world.client.request(method, f"/cds/v1/{path}", headers=world.headers(grant))
            assert answer.status_code == 405
            assert "GET" in answer.headers["Allow"]

    @pytest.mark.req("WG3D-024", "WG3D-016")
    async def test_unknown_and_empty_parameters_change_nothing(self, world: World, path: str) -> None:
        grant = direct(path)
        await world.tell(*a_home(), grant)
        plain = await world.get(path, grant)
        assert plain.headers["Content-Type"] == "application/json"
        name = {"accounts": "cds_account_ids", "service-contracts": "cds_servicecontract_ids", "service-points": "cds_servicepoint_ids"}
        for query in ("?foo=bar", f"?{name.get(path, 'cds_meterdevice_ids')}=", "?q="):
            assert (await world.get(path + query, grant)).content == plain.content


class TestPages:
    async def with_accounts(self, world: World, count: int) -> Any:
        grant = direct("accounts")
        await world.tell(*(an_account(f"A{number}") for number in range(count)), grant)
        return grant

    @pytest.mark.req("WG3D-018")
    async def test_a_hundred_come_in_one_answer(self, world: World) -> None:
        grant = await self.with_accounts(world, 100)
        body = (await world.get("accounts", grant)).json()
        assert (len(body["accounts"]), body["next"], body["previous"]) == (100, None, None)

    @pytest.mark.req("WG3D-019", "WG3D-020", "WG3D-021")
    async def test_pages_hold_every_object_once_there_and_back(self, world: World) -> None:
        grant = await self.with_accounts(world, 201)
        headers = world.headers(grant)
        pages: list[Any] = []
        url: str | None = "http://localhost:8080/cds/v1/accounts"
        while url:
            pages.append((await world.client.get(url, headers=headers)).json())
            url = pages[-1]["next"]
        ids = [account["cds_account_id"] for page in pages for account in page["accounts"]]
        assert [len(page["accounts"]) for page in pages] == [100, 100, 1]
        assert len(set(ids)) == 201
        back = (await world.client.get(pages[2]["previous"], headers=headers)).json()
        assert back["accounts"] == pages[1]["accounts"]
        stranger = grant.model_copy(update={"grant_id": "other", "client_id": "client-2", "event_id": rid("part", "other")})
        await world.tell(stranger)
        assert (await world.client.get(pages[0]["next"], headers=world.headers(stranger))).status_code == 400
        assert (await world.client.get(pages[0]["next"][:-3] + "abc", headers=headers)).status_code == 400


async def test_the_access_log_holds_who_read_what(world: World, session: Any) -> None:
    from sqlalchemy import select

    from cds_common.grant_copy import TABLES

    grant = direct("accounts")
    await world.tell(*a_home(), grant)
    await world.listed("accounts", grant)
    await world.listed("accounts?q=nobody", grant)
    (row,) = (await session.execute(select(TABLES.access_log))).all()
    assert (row.endpoint, row.client_id, row.grant_ids, row.object_count) == ("accounts", "client-1", ["grant-1"], 1)
    assert row.object_ids == [rid("account", "A1")]
