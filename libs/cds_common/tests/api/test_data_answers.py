"""Encrypted and conditional answers, as every data endpoint gives them."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest
from starlette.responses import Response, StreamingResponse

from cds_common.data_answers import customer_data_opened
from cds_common.http_app import common_state, new_app
from cds_common.problems import ProblemError, generic
from cds_common.testing.app import application
from cds_common.testing.encryption import PUBLIC_JWK, opened
from cds_common.wire import CdsJSONResponse, cds_router
from libs.cds_common.tests.conftest import SampleSettings

KEYS: Mapping[str, Any] = {"plain": None, "jwk": PUBLIC_JWK}
router = cds_router()
pulled: list[int] = []


@router.get("/{key}/json")
async def whole(key: str, value: str = "1") -> Response:
    customer_data_opened(KEYS[key])
    return CdsJSONResponse(b'{"value":' + value.encode() + b"}")


@router.get("/{key}/stream")
async def streamed(key: str) -> Response:
    customer_data_opened(KEYS[key])

    def pieces() -> Iterator[bytes]:
        for number in range(5):
            pulled.append(number)
            yield b"%d" % number * 1000

    return StreamingResponse(pieces(), media_type="text/csv; charset=utf-8", headers={"ETag": 'W/"v1"'})


@router.get("/{key}/file")
async def file(key: str) -> Response:
    customer_data_opened(KEYS[key])
    headers = {"ETag": '"f1"', "Content-Disposition": 'attachment; filename="bill-1.pdf"', "Cache-Control": "private, no-cache"}
    return Response(b"%PDF", media_type="application/pdf", headers=headers)


@router.get("/{key}/refused")
async def refused(key: str) -> Response:
    customer_data_opened(KEYS[key])
    raise ProblemError(generic(400), "no such filter")


@router.get("/public")
async def public() -> Response:
    return CdsJSONResponse(b"{}")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = SampleSettings(
        database_url="postgresql+asyncpg://a:b@127.0.0.1:1/none", kafka_bootstrap_servers="x:1", internal_key="k" * 40
    )
    app = new_app(settings, lifespan=lambda _app: common_state(settings), problem_table={})
    app.include_router(router)
    async with application(app) as client:
        yield client


class TestEncrypted:
    @pytest.mark.req("WG3B-271")
    @pytest.mark.parametrize(
        ("path", "content", "kind"),
        [
            ("json", b'{"value":1}', "json"),
            ("stream", b"".join(b"%d" % number * 1000 for number in range(5)), "text/csv"),
            ("file", b"%PDF", "pdf"),
        ],
    )
    async def test_every_body_is_for_the_key_alone(self, client: httpx.AsyncClient, path: str, content: bytes, kind: str) -> None:
        answer = await client.get(f"/jwk/{path}")
        assert (answer.status_code, *opened(answer)) == (200, content, kind)
        assert content not in answer.content
        assert int(answer.headers.get("content-length", len(answer.content))) == len(answer.content)

    @pytest.mark.req("WG3B-271")
    async def test_a_refusal_is_encrypted_as_well(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/jwk/refused")
        content, kind = opened(answer)
        assert (answer.status_code, kind) == (400, "problem+json")
        assert b"no such filter" in content

    async def test_a_condition_is_never_met(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/jwk/stream", headers={"If-None-Match": '*, W/"v1"'})
        assert answer.status_code == 200

    @pytest.mark.req("WG3B-268")
    async def test_without_a_key_answers_are_plain(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/plain/json")
        assert (answer.headers["content-type"], answer.json()) == ("application/json", {"value": 1})


class TestConditional:
    async def test_an_unchanged_answer_is_not_sent_again(self, client: httpx.AsyncClient) -> None:
        first = await client.get("/plain/json")
        etag = first.headers["etag"]
        assert etag.startswith('W/"')
        assert (first.headers["cache-control"], first.headers["vary"]) == ("private, no-cache", "Authorization")
        for condition in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
            again = await client.get("/plain/json", headers={"If-None-Match": condition})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert "content-length" not in again.headers

    async def test_a_changed_answer_is_sent(self, client: httpx.AsyncClient) -> None:
        etag = (await client.get("/plain/json")).headers["etag"]
        answer = await client.get("/plain/json", params={"value": "2"}, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.json()) == (200, {"value": 2})
        assert answer.headers["etag"] != etag

    async def test_a_stream_is_judged_by_the_version_it_names(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/plain/stream", headers={"If-None-Match": 'W/"v1"'})
        assert (answer.status_code, answer.content) == (304, b"")
        answer = await client.get("/plain/stream", headers={"If-None-Match": 'W/"v0"'})
        assert (answer.status_code, len(answer.content)) == (200, 5000)

    async def test_refusals_are_not_kept(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/plain/refused", headers={"If-None-Match": "*"})
        assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
        assert "etag" not in answer.headers

    async def test_other_answers_pass_as_they_are(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/public", headers={"If-None-Match": "*"})
        assert answer.status_code == 200
        assert not {"etag", "vary", "cache-control"} & set(answer.headers)
