"""Every operation of the six OpenAPI documents, with values that fit and that do not: no failure of ours, answers as described."""

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from cds_local.routes import SERVICES
from cds_local.stack import LocalStack
from tests.e2e.operators import auth_operator_key, operator_client, registry_operator
from tests.e2e.support import LISTINGS, QUERIES, active, newcomer

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
DOCUMENTS = Path(__file__).parents[2] / "docs" / "openapi"
EXAMPLES = 3
"""For each operation: as many with values that fit, and as many with values that do not."""
BREAKS_OTHER_TESTS = {("POST", "/auth-operator/api/v1/keys/rotate")}
"""Ends every token that other tests of this stack hold (`at_once`); its own tests are in services/auth."""

Ids = dict[str, list[str]]


class Callers:
    """Who calls: a client with a token for every data scope, a client whose objects may be changed, an operator of each service."""

    def __init__(self, stack: LocalStack) -> None:
        reader = newcomer(stack, QUERIES, direct="cds_query_usage")
        scope = " ".join(reader.client.scope_id(each) for each in QUERIES)
        details = [{"type": each, "include_bill_statement_files": True} for each in scope.split() if "bill_statements" in each]
        answer = reader.client.client_credentials("direct", scope, details)
        for grant_id in answer["cds_grant_ids"]:
            active(reader, grant_id)
        self.data, self.data_ids = f"Bearer {answer['access_token']}", _listed(reader, answer["access_token"])
        self.grants = {"grant_id": answer["cds_grant_ids"]}
        # Another Grant, since operators end it.
        other = reader.client.client_credentials("direct", reader.client.scope_id(QUERIES[0]))
        self.ended_grants = {"grant_id": other["cds_grant_ids"]}
        self.admin = f"Bearer {reader.client.admin_token}"
        pair = ":".join(reader.client.credentials["direct"].basic)
        self.basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        changing = newcomer(stack, ["cds_usage"], consent="cds_usage")
        client = changing.client
        self.changing = f"Bearer {client.admin_token}"
        objects = client.list_all(client.metadata["cds_clients_api"], "clients", client.admin_token)
        secrets = client.list_all(client.metadata["cds_credentials_api"], "credentials", client.admin_token)
        messages = client.get(client.metadata["cds_messages_api"], "messages", client.admin_token)
        places = ("outstanding", "unread", "read")
        self.changing_ids: Ids = {
            "client_id": [each["client_id"] for each in objects if each["scope"] != "cds_client_admin"],
            "credential_id": [each["credential_id"] for each in secrets],
            "message_id": [each["message_id"] for place in places for each in messages[place]],
        }
        self.operator = f"Bearer {registry_operator(stack, 'fuzzer')['key']}"
        with operator_client(f"{stack.public_url}/operator/api/v1", self.operator.split()[1]) as http:
            first = http.get("/registrations").json()["registrations"][0]["registration_id"]
        self.changing_ids["registration_id"] = [first]
        self.auth_operator = f"Bearer {auth_operator_key(stack, 'fuzzer')}"

    def of(self, service: str, path: str) -> tuple[str, Ids]:
        """The Authorization header of an operation and ids that it can meet."""
        if path.startswith("/auth-operator/"):
            return self.auth_operator, self.ended_grants
        if path.startswith("/operator/"):
            return self.operator, self.changing_ids
        if path.startswith("/oauth/"):
            return self.basic, {}
        if path.startswith("/cds/v1/grants"):
            return self.admin, self.grants
        return (self.changing, self.changing_ids) if service == "registry" else (self.data, self.data_ids)


def _listed(reader: Any, token: str) -> Ids:
    """Ids of data that the token shows."""
    ids: Ids = {}
    for key in ("bill_statements", "aggregations"):
        for each in reader.client.list_all(reader.api(LISTINGS[key]), key, token):
            for file in each.get("statement_files") or []:
                ids.setdefault("file_id", []).append(file["url"].rsplit("/", 1)[-1].split("?")[0])
            if "cds_aggregation_id" in each:
                ids.setdefault("aggregation_id", []).append(each["cds_aggregation_id"])
    return ids


@pytest.fixture(scope="module")
def callers(loaded: LocalStack) -> Callers:
    return Callers(loaded)


def operations(service: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_path(DOCUMENTS / f"{service}.json")
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if (operation.method.upper(), operation.path) not in BREAKS_OTHER_TESTS:
            yield operation


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_answers_to_any_request_are_as_described(loaded: LocalStack, callers: Callers, service: str) -> None:
    statuses: set[int] = set()
    addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations(service):
            authorization, ids = callers.of(service, operation.path)
            known = {name: values[0] for name, values in ids.items() if "{" + name + "}" in operation.path and values}

            def one(case: Any) -> None:
                # Each from another network address: the limits per address have tests of their own and would end this one.
                headers = {"Authorization": authorization, "X-Forwarded-For": next(addresses)}  # noqa: B023
                response = case.call(loaded.api_url(service), session=session, headers=headers, timeout=20)
                statuses.add(response.status_code)
                case.validate_response(response, checks=CHECKS)

            modes = [(GenerationMode.POSITIVE, known), *([(GenerationMode.POSITIVE, {})] if known else [])]
            if operation.query or operation.body:
                modes.append((GenerationMode.NEGATIVE, known))
            for mode, parameters in modes:
                examples = 2 if known and not parameters else EXAMPLES
                strategy = operation.as_strategy(generation_mode=mode, path_parameters=parameters or None)
                settings(
                    max_examples=examples, phases=[Phase.generate], deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck),
                )(given(strategy)(one))()  # fmt: skip
    assert statuses & {200, 201}, statuses
