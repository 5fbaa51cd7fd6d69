"""Two examples of CDS-WG3-01 §13 as runs, step by step: client management (13.1) and a Grant that the utility makes on request (13.4)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cds_cli.demo_utility.cast import HOUSEHOLDS
from cds_cli.demo_utility.utility import account
from cds_cli.journey.client import Client, Credentials
from cds_cli.journey.wire import Wire
from cds_common.events.utility import Contact
from cds_common.testing.schemas import assert_valid
from cds_local.stack import LocalStack
from tests.e2e.operators import operator_client, registry_operator
from tests.e2e.support import LISTINGS, send, settles, until

Json = dict[str, Any]
ADMIN, GRANT_ADMIN = "cds_client_admin", "cds_grant_admin_hlp"
DIRECT = ["cds_query_accounts_hlp", "cds_query_bill_statements_hlp"]
CONSENT = ["cds_service_contracts_hlp", "cds_usage_hlp"]
REGISTRATION = {
    "scope": " ".join([ADMIN, *DIRECT, *CONSENT]),
    "client_name": "Kestrel Home Audits",
    "client_uri": "https://www.kestrel.example",
    "contacts": ["dev@kestrel.example"],
    "cds_invite_code": "HLP-INV-2209",
}


class Walk:
    """What the client has kept so far."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.client = Client(Wire(stack.public_url, recorded=False))
        self.client.discover()
        self.metadata = self.client.metadata
        self.registration: Json = {}
        self.objects: dict[str, Json] = {}
        self.secrets: list[Json] = []
        self.request: Json = {}
        self.answer: Json = {}
        self.grant: Json = {}

    def send(self, method: str, url: str, *, token: str | None = None, **options: Any) -> httpx.Response:
        return self.client.wire.send(method, url, bearer=token, **options)

    def admin(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self.send(method, url, token=self.client.admin_token, **options)

    def token(self, who: str, **form: str) -> httpx.Response:
        basic = self.client.credentials[who].basic
        return self.send("POST", self.metadata["token_endpoint"], basic=basic, form={"grant_type": "client_credentials", **form})

    def messages(self) -> Json:
        return assert_valid("message-list-response.json", self.admin("GET", self.metadata["cds_messages_api"]).content)

    def ask(self, **changes: Any) -> httpx.Response:
        details = [
            {"type": DIRECT[0], "account_numbers": ["90-4410"], "include_account_numbers": True, "include_account_details": True,
             "sync_until": "PT0S"},
        ]  # fmt: skip
        body = {
            "previous_uri": None, "type": "grant_request", "name": "Contact data for account 90-4410",
            "description": "Ticket 40-118: we have to call the account holder.",
            "related_uri": self.objects["direct"]["cds_client_uri"],
            "grants_requested": [{"scope": DIRECT[0], "authorization_details": details}],
        }  # fmt: skip
        return self.admin("POST", self.metadata["cds_messages_api"], json_body=body | changes)


@pytest.fixture(scope="module")
def walk(loaded: LocalStack) -> Iterator[Walk]:
    walking = Walk(loaded)
    yield walking
    walking.client.wire.close()


@pytest.fixture(scope="module")
def operator(loaded: LocalStack) -> Iterator[httpx.Client]:
    """The operator API with the key that the documented command prints."""
    with operator_client(f"{loaded.public_url}/operator/api/v1", registry_operator(loaded, "walker")["key"]) as client:
        yield client


class TestClientManagement:
    def test_1_1_the_metadata_says_what_is_offered(self, walk: Walk) -> None:
        answer = walk.send("GET", f"{walk.stack.public_url}/.well-known/oauth-authorization-server")
        metadata = assert_valid("authorization-server-metadata.json", answer.content)
        assert_valid("customer-data-server-metadata.json", answer.content)
        assert metadata["code_challenge_methods_supported"] == ["S256"]
        assert set(metadata["response_types_supported"]) >= {"code"}
        assert set(metadata["grant_types_supported"]) >= {"client_credentials", "authorization_code", "refresh_token"}
        for member in (
            "registration_endpoint", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint",
            "pushed_authorization_request_endpoint", "service_documentation", "op_policy_uri", "op_tos_uri", "cds_human_registration",
            "cds_test_accounts", "cds_clients_api", "cds_messages_api", "cds_credentials_api", "cds_grants_api", *LISTINGS.values(),
        ):  # fmt: skip
            assert metadata[member].startswith(walk.stack.public_url), member
        scopes = metadata["cds_scope_descriptions"]
        assert set(scopes) <= set(metadata["scopes_supported"])
        assert {kind for each in scopes.values() for kind in each["authorization_details_types_supported"]} <= set(
            metadata["authorization_details_types_supported"]
        )
        invite = next(name for name, field in metadata["cds_registration_fields"].items() if field.get("field_name") == "cds_invite_code")
        for scope in DIRECT:
            assert (scopes[scope]["response_types_supported"], scopes[scope]["code_challenge_methods_supported"]) == ([], [])
            assert scopes[scope]["grant_types_supported"] == ["client_credentials"]
            assert invite in scopes[scope]["registration_requirements"]
        for scope in CONSENT:
            assert scopes[scope]["response_types_supported"] == ["code"]
            assert set(scopes[scope]["grant_types_supported"]) >= {"authorization_code", "refresh_token"}
            assert (scopes[scope]["code_challenge_methods_supported"], scopes[scope]["grant_admin_scope"]) == (["S256"], GRANT_ADMIN)
        fields = {field["id"]: field for field in scopes["cds_usage_hlp"]["authorization_details_fields_supported"]}
        assert set(fields) >= {
            "sync_until",
            "account_numbers",
            "include_accounts",
            "include_account_numbers",
            "include_service_contracts",
            "include_contract_numbers",
        }
        start = fields["segment_start"]
        assert (start["default"], start["maximum"], start["minimum"]) == ("P13M", "P13M", "PT0S")
        formats = fields["include_usage_segment_value_types"]["choices"]
        assert {"el-15min", "el-month", "gas-month"} <= {choice["id"] for choice in formats}
        assert all("usagesegment_format" in choice for choice in formats)
        assert [choice["id"] for choice in fields["purpose"]["choices"]] == ["hlp-any-use"]

    @pytest.mark.parametrize(
        "change",
        [{"scope": " ".join(DIRECT)}, {"scope": f"{ADMIN} cds_colours"}, {"cds_invite_code": None}, {"cds_invite_code": "WRONG"}],
    )
    def test_1_2_a_registration_that_lacks_something_is_refused(self, walk: Walk, change: Json) -> None:
        body = {name: value for name, value in (REGISTRATION | change).items() if value is not None}
        answer = walk.send("POST", walk.metadata["registration_endpoint"], json_body=body)
        assert answer.status_code == 400
        assert_valid("registration-error-response.json", answer.content)

    def test_1_2_registering_answers_with_the_admin_object(self, walk: Walk) -> None:
        body = REGISTRATION | {"redirect_uris": ["https://kestrel.example/ignored"]}
        answer = walk.send("POST", walk.metadata["registration_endpoint"], json_body=body)
        assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
        made = walk.registration = assert_valid("registration-response.json", answer.content)
        assert (made["scope"], made["redirect_uris"], made["response_types"]) == (ADMIN, [], [])
        assert (made["grant_types"], made["token_endpoint_auth_method"]) == (["client_credentials"], "client_secret_basic")
        assert (made["client_name"], made["contacts"]) == ("Kestrel Home Audits", ["dev@kestrel.example"])
        assert (made["authorization_details_types"], made["cds_status"]) == ([], "production")
        assert (made["client_secret_expires_at"], "disabled" in made["cds_status_options"]) == (0, False)
        walk.client.credentials["admin"] = Credentials(made["client_id"], made["client_secret"])

    def test_1_3_the_admin_token(self, walk: Walk) -> None:
        answer = walk.token("admin", scope=ADMIN)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        token = assert_valid("token-response.json", answer.content)
        assert (token["scope"], len(token["cds_grant_ids"]), "refresh_token" in token) == (ADMIN, 1, False)
        walk.client.admin_token = token["access_token"]
        foreign = walk.token("admin", scope="cds_usage_hlp")
        assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_scope")
        walk.client.credentials["wrong"] = Credentials(walk.registration["client_id"], "wrong")
        wrong = walk.token("wrong", scope=ADMIN)
        assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")

    def test_1_4_four_client_objects_were_made(self, walk: Walk) -> None:
        answer = walk.admin("GET", walk.metadata["cds_clients_api"])
        page = assert_valid("client-list-response.json", answer.content)
        assert (page["next"], page["previous"], len(page["clients"])) == (None, None, 4)
        modified = [each["cds_modified"] for each in page["clients"]]
        assert modified == sorted(modified, reverse=True)
        named = {"admin": ADMIN, "grant_admin": GRANT_ADMIN, "direct": DIRECT[0], "consent": CONSENT[0]}
        walk.objects = {name: next(o for o in page["clients"] if scope in o["scope"].split()) for name, scope in named.items()}
        for each in page["clients"]:
            assert "client_secret" not in each
            assert (each["client_name"], each["contacts"]) == ("Kestrel Home Audits", ["dev@kestrel.example"])
        shown = {
            name: (o["scope"].split(), o["grant_types"], o["response_types"], o["authorization_details_types"], o["cds_status"])
            for name, o in walk.objects.items()
        }
        both = ["authorization_code", "refresh_token"]
        assert shown == {
            "admin": ([ADMIN], ["client_credentials"], [], [], "production"),
            "grant_admin": ([GRANT_ADMIN], ["client_credentials"], [], [GRANT_ADMIN], "production"),
            "direct": (DIRECT, ["client_credentials"], [], DIRECT, "production"),
            "consent": (CONSENT, both, ["code"], CONSENT, "sandbox"),
        }
        options = {name: set(o["cds_status_options"]) for name, o in walk.objects.items()}
        assert "disabled" not in options["admin"]
        assert "disabled" in options["grant_admin"] & options["direct"]
        assert {"sandbox", "disabled"} <= options["consent"]
        assert "production" not in options["consent"]
        consent = walk.objects["consent"]
        (default,) = consent["redirect_uris"]
        assert (default.startswith(walk.stack.public_url), consent["cds_default_redirect_uri"]) == (True, default)
        assert (set(consent["cds_default_scope"].split()), consent["cds_default_authorization_details"]) == (set(CONSENT), [])
        for name in ("admin", "grant_admin", "direct"):
            assert walk.objects[name]["redirect_uris"] == []
            assert not any(member.startswith("cds_default_") for member in walk.objects[name])
            assert not walk.objects[name].get("cds_purposes")
        (purpose,) = consent["cds_purposes"].values()
        assert (purpose["id"], set(purpose["scopes_supported"])) == ("hlp-any-use", set(CONSENT))

    def test_1_4_the_list_can_be_cut_to_some(self, walk: Walk) -> None:
        wanted = [walk.objects[name]["client_id"] for name in ("grant_admin", "direct")]
        found = walk.admin("GET", walk.metadata["cds_clients_api"], params={"client_ids": " ".join(wanted)}).json()["clients"]
        assert sorted(each["client_id"] for each in found) == sorted(wanted)

    @pytest.mark.parametrize(
        ("name", "members"),
        [
            ("grant_admin", ["token_endpoint"]),
            ("direct", ["token_endpoint", "cds_accounts_api", "cds_billstatement_api"]),
            ("consent", ["authorization_endpoint", "token_endpoint", "pushed_authorization_request_endpoint", "cds_servicecontracts_api",
                         "cds_usagesegments_api"]),
        ],
    )  # fmt: skip
    def test_1_5_each_client_object_has_metadata_of_its_own(self, walk: Walk, name: str, members: list[str]) -> None:
        address = walk.objects[name]["cds_server_metadata"]
        server = assert_valid("server-metadata.json", walk.admin("GET", address).content)
        metadata = assert_valid("client-authorization-server-metadata.json", walk.admin("GET", server["oauth_metadata"]).content)
        assert all(member in metadata for member in members)
        if name == "consent":
            fields = metadata["cds_scope_descriptions"]["cds_usage_hlp"]["authorization_details_fields_supported"]
            choices = next(field["choices"] for field in fields if field["id"] == "purpose")
            assert [choice["id"] for choice in choices] == [each["id"] for each in walk.objects[name]["cds_purposes"].values()]
        if address != f"{walk.stack.public_url}/.well-known/cds-server-metadata.json":
            assert walk.send("GET", address).status_code == 401

    def test_1_6_the_secrets_of_the_others(self, walk: Walk) -> None:
        ids = {name: walk.objects[name]["client_id"] for name in ("grant_admin", "direct", "consent")}
        answer = walk.admin("GET", walk.metadata["cds_credentials_api"], params={"client_ids": " ".join(ids.values())})
        secrets = assert_valid("credential-list-response.json", answer.content)["credentials"]
        assert sorted(each["client_id"] for each in secrets) == sorted(ids.values())
        assert {(each["type"], each["client_secret_expires_at"]) for each in secrets} == {("client_secret", 0)}
        modified = [each["modified"] for each in secrets]
        assert modified == sorted(modified, reverse=True)
        for each in secrets:
            assert walk.admin("GET", each["uri"]).json() == each
        for name, client_id in ids.items():
            walk.client.credentials[name] = Credentials(client_id, next(s["client_secret"] for s in secrets if s["client_id"] == client_id))


class TestServerRequest:
    def test_4_1_what_cannot_be_asked_is_refused(self, walk: Walk) -> None:
        foreign = [{"scope": CONSENT[0], "authorization_details": [{"type": CONSENT[0]}]}]
        for wrong in ({"grants_requested": None}, {"grants_requested": foreign}):
            assert walk.ask(**wrong).status_code == 400

    def test_4_1_asking_for_a_grant(self, walk: Walk) -> None:
        answer = walk.ask()
        assert answer.status_code == 201, answer.text
        message = walk.request = assert_valid("message.json", answer.content)
        direct = walk.objects["direct"]
        assert (message["previous_uri"], message["type"], message["status"], message["read"]) == (None, "grant_request", "pending", True)
        assert (message["related_uri"], message["related_type"]) == (direct["cds_client_uri"], "client")
        assert message["creator"] == walk.registration["client_id"]
        assert message["created"] == message["modified"]
        (wanted,) = message["grants_requested"]
        assert (wanted["scope"], wanted["authorization_details"][0]["sync_until"]) == (DIRECT[0], "PT0S")
        listed = walk.messages()
        for place in ("outstanding", "read"):
            assert message["uri"] in [each["uri"] for each in listed[place]]
        assert walk.client.list_all(walk.metadata["cds_grants_api"], "grants", walk.client.admin_token, _of_direct(walk)) == []

    def test_4_2_the_operator_approves_and_the_client_reads_it(self, walk: Walk, operator: httpx.Client) -> None:
        waiting = operator.get("/requests", params={"type": "grant_request"}).json()["requests"]
        assert walk.request["message_id"] in [each["message"]["message_id"] for each in waiting]
        approved = operator.post(f"/requests/{walk.request['message_id']}/approve", json={"note": "We agree."})
        assert approved.status_code == 201, approved.text
        listed = walk.messages()
        (answer,) = [each for each in listed["unread"] if each["previous_uri"] == walk.request["uri"]]
        assert (answer["type"], answer["creator"], answer["read"], answer["status"]) == ("request_update", None, False, "complete")
        assert answer["related_type"] == "grant_list"
        assert walk.request["uri"] not in [each["uri"] for each in listed["outstanding"]]
        (settled,) = [each for each in listed["read"] if each["uri"] == walk.request["uri"]]
        assert settled["status"] == "complete"
        assert walk.admin("PATCH", answer["uri"], json_body={"read": True}).json()["read"] is True
        after = walk.messages()
        assert answer["uri"] in [each["uri"] for each in after["read"]]
        assert answer["uri"] not in [each["uri"] for each in after["unread"]]
        walk.answer = answer

    def test_4_2_the_operator_rejects_and_no_grant_is_made(self, walk: Walk, operator: httpx.Client) -> None:
        before = walk.client.list_all(walk.metadata["cds_grants_api"], "grants", walk.client.admin_token, _of_direct(walk))
        request = walk.ask(name="Once more").json()
        operator.post(f"/requests/{request['message_id']}/reject", json={"reason": "Ask the customer."}).raise_for_status()
        (answer,) = [each for each in walk.messages()["unread"] if each["previous_uri"] == request["uri"]]
        assert (answer["status"], "Ask the customer." in answer["description"]) == ("rejected", True)
        after = walk.client.list_all(walk.metadata["cds_grants_api"], "grants", walk.client.admin_token, _of_direct(walk))
        assert [each["grant_id"] for each in after] == [each["grant_id"] for each in before]

    def test_4_3_the_grant_that_was_made(self, walk: Walk) -> None:
        listed = assert_valid("grant-list-response.json", walk.admin("GET", walk.answer["related_uri"]).content)
        (first,) = listed["grants"]

        def settled() -> Json | None:
            grant = assert_valid("grant.json", walk.admin("GET", first["uri"]).content)
            return grant if grant["status"] == "active" else None

        grant = walk.grant = until("the Grant is active", settled)
        assert (grant["client_id"], grant["scope"]) == (walk.objects["direct"]["client_id"], DIRECT[0])
        assert (grant["parent"], grant["states"], grant["receipt_confirmations"]) == (None, [], [])
        (detail,) = grant["authorization_details"]
        assert (detail["account_numbers"], detail["include_account_numbers"], detail["include_account_details"]) == (
            ["90-4410"],
            True,
            True,
        )
        made, frozen = (datetime.fromisoformat(text) for text in (grant["created"], detail["sync_until"]))
        assert abs((frozen - made).total_seconds()) < 2
        assert (grant["enabled_scope"], grant["enabled_authorization_details"]) == (grant["scope"], grant["authorization_details"])

    def test_4_4_a_grant_admin_token_opens_it(self, walk: Walk) -> None:
        details = [{"type": GRANT_ADMIN, "client_id": walk.objects["direct"]["client_id"], "grant_id": walk.grant["grant_id"]}]
        token = walk.client.client_credentials("grant_admin", GRANT_ADMIN, details)
        assert (token["scope"], token["authorization_details"]) == (GRANT_ADMIN, details)
        assert token["cds_grant_ids"] != [walk.grant["grant_id"]]
        walk.client.credentials["opened"] = Credentials("opened", token["access_token"])

    def test_4_5_the_data_are_those_of_the_moment_of_the_grant(self, walk: Walk) -> None:
        token = walk.client.credentials["opened"].secret
        (shown,) = walk.client.list_all(walk.metadata["cds_accounts_api"], "accounts", token)
        assert (shown["account_number"], shown["account_name"]) == ("90-4410", "L. Brandt")
        assert shown["account_address"].startswith("48 Spruce Street\n")
        contacts = {kind: each["value"] for each in shown["account_contacts"] for kind in each["types"]}
        assert (contacts["preferred"], contacts["email"]) == ("+13605550190", "brandt@mail.example")
        brandt = account(next(each for each in HOUSEHOLDS if each.ref == "C-BRANDT"))
        moved = [Contact(types=["phone_number", "preferred"], value="+13605550999")]
        send(walk.stack, [brandt.model_copy(update={"source_time": datetime.now(UTC), "account_contacts": moved})])
        again = walk.client.list_all(walk.metadata["cds_accounts_api"], "accounts", token)
        assert again == [shown]
        assert datetime.fromisoformat(shown["cds_synced"]) <= datetime.fromisoformat(walk.grant["authorization_details"][0]["sync_until"])
        bills = walk.send("GET", walk.metadata["cds_billstatement_api"], token=token)
        assert bills.status_code == 403 or bills.json()["bill_statements"] == []

    def test_4_4_the_clients_own_token_does_not_reach_that_account(self, walk: Walk) -> None:
        token = walk.client.client_credentials("direct", DIRECT[0], [{"type": DIRECT[0], "include_account_numbers": True}])["access_token"]

        def numbers() -> set[str]:
            return {each["account_number"] for each in walk.client.list_all(walk.metadata["cds_accounts_api"], "accounts", token)}

        settles({"B-310-77"}, numbers)


def _of_direct(walk: Walk) -> dict[str, str]:
    return {"client_ids": walk.objects["direct"]["client_id"]}
