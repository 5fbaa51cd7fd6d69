"""What a client sends and sees, byte by byte."""

import gc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Response
from pydantic import Field

from cds_common.errors import DomainError, FieldFault, TransientError
from cds_common.http_app import common_state, new_app
from cds_common.oauth_errors import InsufficientScope, InvalidClient, InvalidGrant, InvalidToken
from cds_common.problems import ProblemError, ProblemType, problems
from cds_common.testing.app import application
from cds_common.wire import CdsDateTime, CdsDecimal, CdsModel, CdsRoute, cds_router, id_list
from libs.cds_common.tests.conftest import SampleSettings


class Kind(StrEnum):
    GAS = "gas"


class Fee(CdsModel):
    amount: CdsDecimal
    at: CdsDateTime | None = None
    kind: Kind | None = None
    id: UUID | None = None
    parts: list[CdsDecimal] = Field(default_factory=list, max_length=3)


class FeeRefused(DomainError):
    pass


class Unmapped(DomainError):
    pass


router = cds_router(prefix="/fees")


@router.post("", response_model=Fee, responses=problems(400))
async def echo(fee: Fee, response: Response) -> Fee:
    response.status_code = 202
    response.headers["Location"] = "/fees/1"
    return fee


@router.get("/list")
async def listed(ids: Annotated[list[str] | None, id_list("ids", limit=3)], after: CdsDateTime | None = None) -> list[Fee]:
    amount = Decimal(len(ids)) if ids is not None else Decimal(-1)
    return [Fee(amount=amount, at=after)]


@router.get("/one/{number}")
async def one(number: int) -> Response:
    return Response(str(number))


@router.put("/one/{number}")
@router.delete("/one/{number}")
async def change(number: int) -> Response:
    return Response(str(number))


@router.get("/fail/{how}")
async def fail(how: str) -> Response:
    faults = {
        "domain": FeeRefused("Fee 1 is closed", faults=(FieldFault("/amount", "is closed"),)),
        "unmapped": Unmapped("x"),
        "crash": RuntimeError("SELECT secret FROM customers"),
        "away": TransientError("auth at 10.0.0.1 is away"),
        "cut": asyncpg.InternalClientError("cannot switch to state 12"),
        "oauth": InvalidGrant('The "code" is used\\'),
        "client": InvalidClient(),
        "token": InvalidToken("expired"),
        "scope": InsufficientScope("needs more", scope="cds_bills"),
        "edge": ProblemError(ProblemType(409, "taken", "Taken"), "taken already"),
    }
    raise faults[how]


@pytest.fixture
async def client(settings: SampleSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = new_app(
        settings,
        lifespan=lambda _app: common_state(settings),
        problem_table={FeeRefused: ProblemType(400, "fee-refused", "Fee refused")},
        max_body_bytes=2000,
    )
    app.include_router(router)
    async with application(app) as client:
        yield client


async def test_a_process_that_answers_keeps_its_imports_out_of_collections(settings: SampleSettings) -> None:
    gc.unfreeze()
    async with common_state(settings):
        assert gc.get_freeze_count() > 50_000


class TestNumbers:
    @pytest.mark.req("WG102-002")
    @pytest.mark.parametrize("digits", ["10.10", "0.1234567890123456789", "10.0", "-0.00", "123456789012345678901234567890", "0.000000001"])
    async def test_decimal_leaves_as_the_number_it_came_as(self, client: httpx.AsyncClient, digits: str) -> None:
        answer = await client.post(
            "/fees", content=f'{{"amount":{digits},"parts":[{digits}]}}', headers={"content-type": "application/json"}
        )
        assert answer.text == f'{{"amount":{digits},"parts":[{digits}]}}'

    async def test_exponents_are_read_and_never_written(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/fees", content='{"amount":1.5E-9,"parts":[2e3]}', headers={"content-type": "application/json"})
        assert answer.text == '{"amount":0.0000000015,"parts":[2000]}'

    @pytest.mark.parametrize("amount", ['"10.0"', "true", "null", "NaN", "1e400", "[]", "Infinity"])
    async def test_what_is_no_exact_number_is_refused(self, client: httpx.AsyncClient, amount: str) -> None:
        answer = await client.post("/fees", content=f'{{"amount":{amount}}}', headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


class TestAnswers:
    async def test_status_and_headers_of_the_handler_hold_and_unset_members_stay_out(self, client: httpx.AsyncClient) -> None:
        body = {"amount": 1, "at": "2025-01-01T02:00:00+02:00", "kind": "gas", "id": "8a4d8ff5-4e5e-4f8a-b7c1-6bb7a9a94d10"}
        answer = await client.post("/fees", json=body)
        assert answer.status_code == 202
        assert answer.headers["location"] == "/fees/1"
        assert answer.json() == body | {"at": "2025-01-01T00:00:00Z"}

    async def test_route_without_a_model_cannot_be_made(self) -> None:
        routes = APIRouter(route_class=CdsRoute)

        async def untyped():  # type: ignore[no-untyped-def]
            return {"amount": Decimal("1.0")}

        with pytest.raises(TypeError, match="response_model"):
            routes.get("/untyped")(untyped)

    async def test_request_body_over_the_limit_is_refused(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/fees", content=b"[" + b"1," * 2000 + b"1]", headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["status"] == 413

    async def test_deep_nesting_is_a_bad_request(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/fees", content=b"[" * 1900, headers={"content-type": "application/json"})
        assert answer.status_code == 400

    async def test_lists_and_times_of_the_query_are_read(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/list", params={"ids": "b a  b", "after": "2025-01-01T00:00Z"})
        assert answer.text == '[{"amount":2,"at":"2025-01-01T00:00:00Z"}]'
        assert (await client.get("/fees/list")).text == '[{"amount":-1,"at":null}]'

    @pytest.mark.parametrize(
        "query",
        [
            "ids=a&ids=b",
            "ids=a+b+c+d",
            "ids=" + "x" * 201,
            "ids=a%00b",
            "after=yesterday",
            "after=2025-01-01T00:00:00",
            "after=9999-12-31T23:59:00-23:00",
        ],
    )
    async def test_bad_filters_are_refused_with_their_name(self, client: httpx.AsyncClient, query: str) -> None:
        answer = await client.get(f"/fees/list?{query}")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == f"#query/{query.split('=', 1)[0]}"


class TestProblems:
    async def test_validation_names_members_by_json_pointer(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/fees", json={"amount": "x", "parts": [1, "y"]})
        assert answer.status_code == 400
        body = answer.json()
        assert [fault["pointer"] for fault in body["errors"]] == ["/amount", "/parts/1"]
        assert body["type"] == "http://localhost:8080/docs/problems/bad-request"
        assert body["error"] == "invalid_request"
        assert body["status"] == 400

    async def test_a_fault_of_the_whole_body_is_told_without_a_pointer(self, client: httpx.AsyncClient) -> None:
        body = (await client.post("/fees", json=[])).json()
        assert (body["errors"][0]["pointer"], body["detail"]) == ("", body["errors"][0]["detail"])

    async def test_malformed_json_is_a_bad_request(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/fees", content=b'{"amount":', headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")

    async def test_refusal_of_a_rule_is_answered_from_the_table(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/domain")
        assert answer.status_code == 400
        assert answer.json() == {
            "type": "http://localhost:8080/docs/problems/fee-refused",
            "title": "Fee refused",
            "status": 400,
            "detail": "Fee 1 is closed",
            "instance": "/fees/fail/domain",
            "errors": [{"pointer": "/amount", "detail": "is closed"}],
            "error": "invalid_request",
            "error_description": "Fee 1 is closed",
        }

    @pytest.mark.parametrize("how", ["crash", "unmapped"])
    async def test_unexpected_error_says_nothing_of_its_cause(self, client: httpx.AsyncClient, how: str) -> None:
        answer = await client.get(f"/fees/fail/{how}")
        assert answer.status_code == 500
        assert "SELECT" not in answer.text
        assert answer.json()["detail"] == "The server failed"

    async def test_absent_dependency_is_503_without_its_address(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/away")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "10.0.0.1" not in answer.text

    async def test_database_that_goes_away_in_the_middle_of_a_statement_is_503(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/cut")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "state 12" not in answer.text

    async def test_unknown_path_and_method_are_problems(self, client: httpx.AsyncClient) -> None:
        missing, wrong = await client.get("/nowhere"), await client.delete("/fees")
        assert (missing.status_code, missing.json()["title"]) == (404, "Not found")
        assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
        assert wrong.headers["allow"] == "POST"

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [("GET", "/fees", "POST"), ("POST", "/fees/list", "GET, HEAD"), ("POST", "/fees/one/7", "GET, HEAD, PUT, DELETE")],
    )
    async def test_a_refused_method_is_told_all_that_are_served_at_the_address(
        self, client: httpx.AsyncClient, method: str, path: str, allowed: str
    ) -> None:
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)

    async def test_problem_of_the_edge_keeps_its_status(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/edge")
        assert (answer.status_code, answer.json()["detail"]) == (409, "taken already")

    async def test_path_cannot_break_the_document(self, client: httpx.AsyncClient) -> None:
        answer = await client.get('/no"where\\')
        assert answer.status_code == 404
        assert answer.json()["status"] == 404


class TestOAuthErrors:
    async def test_endpoint_error_is_plain_ascii_json_that_is_not_stored(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/oauth")
        assert answer.status_code == 400
        assert answer.json() == {"error": "invalid_grant", "error_description": "The 'code' is used'"}
        assert answer.headers["cache-control"] == "no-store"

    async def test_failed_client_authentication_names_a_scheme(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/client")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")

    async def test_refused_token_is_challenged(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/token")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="cds", error="invalid_token", error_description="expired"'
        assert answer.json()["error"] == "invalid_token"

    async def test_missing_scope_is_named(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/fees/fail/scope")
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        assert 'scope="cds_bills"' in answer.headers["www-authenticate"]


async def test_documents_are_served_and_pages_of_the_framework_are_not(client: httpx.AsyncClient) -> None:
    openapi, asyncapi = await client.get("/openapi/sample.json"), await client.get("/asyncapi/sample.json")
    assert openapi.json()["paths"]["/fees"]["post"]["responses"]["400"]["content"]["application/problem+json"]
    assert openapi.json()["components"]["schemas"]["Fee"]["properties"]["amount"] == {"type": "number", "title": "Amount"}
    assert asyncapi.json()["asyncapi"] == "3.0.0"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await client.get(path)).status_code == 404


async def test_metrics_name_routes_by_their_template(client: httpx.AsyncClient) -> None:
    await client.get("/fees/fail/domain")
    await client.get("/customers/4711")
    await client.request("BREW", "/fees")
    lines = (await client.get("/metrics")).text.splitlines()
    counts = [line for line in lines if line.startswith("cds_http_request_seconds_count")]
    assert any('method="GET",route="/fees/fail/{how}",service="sample",status="400"' in line for line in counts)
    assert any('route="(unknown)",service="sample",status="404"' in line for line in counts)
    assert not any("/4711" in line or "BREW" in line for line in lines)


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    for path in ("/asyncapi/sample.json", "/customers/4711"):
        got, asked = await client.get(path), await client.head(path)
        assert (asked.status_code, asked.content) == (got.status_code, b"")
        assert asked.headers["content-type"] == got.headers["content-type"]


async def test_answers_forbid_sniffing(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).headers["x-content-type-options"] == "nosniff"


def test_clock_of_answers_is_utc() -> None:
    fee = Fee(amount=Decimal(1), at=datetime(2025, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC))
    assert fee.to_json() == b'{"amount":1,"at":"2025-06-01T12:00:00.500000Z"}'
