"""Owners are asked over HTTP: once per Grant at a time, and their silence is a wait, not an answer."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from cds_common.errors import TransientError
from cds_common.events.grants import GrantPublishedV1
from cds_common.grant_copy import GrantPeers
from cds_common.internal import InternalClient
from cds_common.settings import CommonSettings

GRANT = GrantPublishedV1(
    grant_id="a/b", version=1, entries_version=1, client_id="c", registration_id="r", environment="sandbox", status="active",
    enabled_scope="", entries=[], created=datetime(2026, 3, 1, tzinfo=UTC),
)  # fmt: skip


class Owner:
    """A peer that gives one answer and counts."""

    def __init__(self, settings: CommonSettings, answer: httpx.Response | Exception) -> None:
        self.paths: list[str] = []
        self.answer = answer
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._handle))
        client = InternalClient(settings, service="auth", base_url="http://auth", http=http)
        self.peers = GrantPeers(auth=client, accounts=client)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.raw_path.decode())
        await asyncio.sleep(0.01)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_simultaneous_questions_share_one_call(settings: CommonSettings) -> None:
    owner = Owner(settings, httpx.Response(200, content=GRANT.model_dump_json()))
    found = await asyncio.gather(*(owner.peers.grant("a/b") for _ in range(5)))
    assert found == [GRANT] * 5
    assert owner.paths == ["/internal/grants/a%2Fb"]
    await owner.peers.grant("a/b")
    assert len(owner.paths) == 2


async def test_what_the_owner_does_not_know_is_none(settings: CommonSettings) -> None:
    owner = Owner(settings, httpx.Response(404))
    assert await owner.peers.grant("g") is None
    assert await owner.peers.entitlements("g") is None
    assert owner.paths == ["/internal/grants/g", "/internal/entitlements/g"]


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(401), httpx.Response(200, content=b"{}"), httpx.ConnectError("refused")],
    ids=["refused", "unreadable", "unreachable"],
)
async def test_anything_else_is_a_wait(settings: CommonSettings, answer: httpx.Response | Exception) -> None:
    with pytest.raises(TransientError):
        await Owner(settings, answer).peers.grant("g")
