"""Client libraries of other authors against the running server, from discovery to revocation (RFC 8414, 7591, 9126, 7636, 9396, 9207)."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from requests_oauth2client import BearerToken, ClientSecretBasic, OAuth2AccessTokenAuth, OAuth2Client, oauth2_discovery_document_url

from cds_cli.journey.browser import Page
from cds_cli.journey.client import CALLBACK
from cds_cli.journey.story import Story, sign_in
from cds_cli.journey.wire import Wire
from cds_common.testing.node import NODE
from cds_local.stack import LocalStack
from tests.e2e.support import until

Json = dict[str, Any]
CLIENTS = Path(__file__).parents[1] / "clients"
LOGIN = "ode"


class Person:
    """The customer with a browser: opens what the client program sends, logs in and authorizes."""

    def __init__(self, stack: LocalStack) -> None:
        self.story = Story(Wire(stack.public_url, recorded=False))

    def authorize(self, address: str) -> str:
        """Where the browser leaves the server."""
        page = sign_in(self.story, address, LOGIN)
        assert isinstance(page, Page), page
        back = self.story.browser.submit(self.story.browser.form("Authorize"), "Authorize")
        assert isinstance(back, str), back.words()[:300]
        return back


@pytest.fixture
def person(loaded: LocalStack) -> Person:
    return Person(loaded)


def run(script: str, issuer: str, node_modules: Path, person: Person) -> Json:
    """Run a client program; it asks for the browser line by line and ends with its result."""
    environment = {"ISSUER": issuer, "CALLBACK": CALLBACK, "NODE_MODULES": str(node_modules)}
    with subprocess.Popen(
        [str(NODE), str(CLIENTS / script)], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as program:  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        try:
            for line in program.stdout:
                said = json.loads(line)
                if "result" in said:
                    return said["result"]
                print(person.authorize(said["open"]), file=program.stdin, flush=True)
        finally:
            program.stdin.close()
            errors = program.stderr.read()
            program.kill()
    raise AssertionError(errors)


def assert_complete(result: Json) -> None:
    """What every library must have got from the server, however it says so."""
    assert "request_uri=urn" in result["address"]
    assert "code_challenge" not in result["address"]
    for answer in (result["tokens"], result["refreshed"]):
        assert answer["token_type"].lower() == "bearer"
        assert answer["scope"] == result["scope"]
        (detail,) = answer["authorization_details"]
        assert (detail["type"], detail["include_service_contracts"]) == (result["scope"], True)
    assert len(result["tokens"]["cds_grant_ids"]) == 1
    assert result["tokens"]["refresh_token"] != result["refreshed"]["refresh_token"]
    assert result["tokens"]["access_token"] != result["refreshed"]["access_token"]
    assert (result["before"]["active"], result["before"]["scope"]) == (True, result["scope"])
    assert [each["contract_number"] for each in result["contracts"]] == ["180-100"]
    assert result["after"] == {"active": False}


@pytest.mark.slow
def test_openid_client(loaded: LocalStack, node_modules: Path, person: Person) -> None:
    assert_complete(run("openid_client.mjs", loaded.public_url, node_modules, person))


@pytest.mark.slow
def test_oauth4webapi(loaded: LocalStack, node_modules: Path, person: Person) -> None:
    result = run("oauth4webapi.mjs", loaded.public_url, node_modules, person)
    assert_complete(result)
    assert (result["claims"]["iss"], result["claims"]["client_id"]) == (loaded.public_url, result["before"]["client_id"])


@pytest.mark.slow
def test_requests_oauth2client(loaded: LocalStack, person: Person) -> None:
    session = requests.Session()
    session.trust_env = False
    address = oauth2_discovery_document_url(loaded.public_url)

    def client(client_id: str, secret: str) -> OAuth2Client:
        return OAuth2Client.from_discovery_endpoint(
            address, loaded.public_url, auth=ClientSecretBasic(client_id, secret), session=session, redirect_uri=CALLBACK, testing=True
        )

    def api(url: str, token: BearerToken, method: str = "GET", **options: Any) -> Json:
        answer = session.request(method, url, auth=OAuth2AccessTokenAuth(client=None, token=token), timeout=30, **options)
        answer.raise_for_status()
        return answer.json()

    metadata = session.get(address, timeout=30).json()
    scope = next(each["id"] for each in metadata["cds_scope_descriptions"].values() if each["type"] == "cds_usage")
    wanted = {"scope": f"cds_client_admin {scope}", "client_name": "Kestrel Home Audits", "contacts": ["dev@kestrel.example"]}
    made = session.post(metadata["registration_endpoint"], json=wanted, timeout=30).json()
    admin_token = client(made["client_id"], made["client_secret"]).client_credentials(scope="cds_client_admin")
    consent = next(each for each in api(metadata["cds_clients_api"], admin_token)["clients"] if scope in each["scope"].split())
    api(consent["cds_client_uri"], admin_token, "PUT", json=consent | {"redirect_uris": [*consent["redirect_uris"], CALLBACK]})
    secrets = api(metadata["cds_credentials_api"], admin_token)["credentials"]
    secret = next(each["client_secret"] for each in secrets if each["client_id"] == consent["client_id"])

    app = client(consent["client_id"], secret)
    details = [{"type": scope, "contract_numbers": ["_all"], "include_service_contracts": True, "include_contract_numbers": True}]
    request = app.authorization_request(scope=scope, nonce=None, authorization_details=json.dumps(details))
    pushed = until("auth has heard of the redirect URI", lambda: app.pushed_authorization_request(request))
    answer = request.validate_callback(person.authorize(pushed.uri))
    tokens = app.authorization_code(answer)
    refreshed = app.refresh_token(tokens)
    before = app.introspect_token(refreshed)
    contracts = api(metadata["cds_servicecontracts_api"], refreshed)["service_contracts"]
    assert app.revoke_access_token(refreshed)
    after = app.introspect_token(refreshed)
    assert_complete(
        {
            "scope": scope, "address": pushed.uri, "tokens": tokens.as_dict(), "refreshed": refreshed.as_dict(), "before": before,
            "contracts": contracts, "after": after,
        }
    )  # fmt: skip
