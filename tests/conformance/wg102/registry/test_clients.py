"""CDS-WG1-02 §2, §4-§7, §11: what holds over the whole of a registration's life at the registry."""

import json
import re
from typing import Any

import pytest

from cds_registry.domain.message import MessageType, RelatedType
from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits

BACK = "https://app.kestrel.example/oauth/back"
ALL = "cds_client_admin cds_usage_hlp cds_query_accounts_hlp cds_server_provided_files_hlp"
INVITE = {"cds_invite_code": "HLP-INV-2209"}


def integers(text: str, member: str) -> list[str]:
    """The raw JSON texts of a number member."""
    return re.findall(rf'"{member}":\s*([^,}}\s]+)', text)


def with_back(client: dict[str, Any]) -> dict[str, Any]:
    """One redirect address more."""
    return {**client, "redirect_uris": [*client["redirect_uris"], BACK]}


async def share(registry: Registry, party: Party, content: bytes) -> dict[str, Any]:
    answer = await registry.http.post(
        f"/operator/api/v1/registrations/{party.registration_id}/files",
        params={"name": "rates.csv", "description": "All rates"},
        content=content,
        headers=await registry.operator() | {"Content-Type": "text/csv"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.req("WG102-003")
async def test_integers_are_plain_digits(registry: Registry) -> None:
    answer = await registry.register(ALL, **INVITE)
    party = await registry.admin(answer.json(), await registry.registration_of(answer.json()["client_id"]))
    consent = await party.client("cds_usage_hlp")
    credential = (await party.get("/cds/v1/credentials", params={"client_ids": consent["client_id"]})).json()["credentials"][0]
    ended = await party.patch(credential["uri"], {"client_secret_expires_at": 1795543200 + 86400})
    assert ended.status_code == 200, ended.text
    clients, oauth = await party.get("/cds/v1/clients"), await registry.http.get("/.well-known/oauth-authorization-server")
    assert integers(answer.text, "client_id_issued_at") == ["1795543200"]
    assert integers(answer.text, "client_secret_expires_at") == ["0"]
    assert integers(ended.text, "client_secret_expires_at") == ["1795629600"]
    assert {*integers(clients.text, "client_id_issued_at")} == {"1795543200"}
    lengths = integers(oauth.text, "max_length")
    assert lengths == ["200"]
    for text in (answer.text, clients.text, ended.text):
        assert not re.search(r'"client_(?:id_issued_at|secret_expires_at)":\s*["+\-.]', text)


@pytest.mark.req("WG102-113", "WG102-034")
async def test_one_admin_token_opens_the_three_lists_that_metadata_names(registry: Registry) -> None:
    party = await registry.party(ALL, **INVITE)
    assert "registration_client_uri" not in party.answer
    assert "registration_access_token" not in party.answer
    oauth = (await registry.http.get("/.well-known/oauth-authorization-server")).json()
    for name, member in (("cds_clients_api", "clients"), ("cds_messages_api", "unread"), ("cds_credentials_api", "credentials")):
        answer = await party.get(oauth[name])
        assert answer.status_code == 200
        assert len(answer.json()[member]) >= 1
        assert (await registry.http.get(oauth[name])).status_code == 401


@pytest.mark.req("WG102-120")
async def test_secrets_are_in_the_registration_answer_and_in_no_client_object(registry: Registry) -> None:
    party = await registry.party(ALL, **INVITE)
    assert len(party.answer["client_secret"]) >= 32
    listed = await party.get("/cds/v1/clients")
    consent = await party.client("cds_usage_hlp")
    single = await party.get(consent["cds_client_uri"])
    changed = await party.put(consent["cds_client_uri"], with_back(consent))
    assert (listed.status_code, single.status_code, changed.status_code) == (200, 200, 200)
    secrets = [each["client_secret"] for each in (await party.get("/cds/v1/credentials")).json()["credentials"]]
    for answer in (listed, single, changed):
        assert "client_secret_expires_at" not in answer.text
        assert '"client_secret"' not in answer.text
        assert not any(secret in answer.text for secret in secrets)


@pytest.mark.req("WG102-128")
async def test_defaults_are_set_by_put_and_told_to_the_authorization_endpoint(registry: Registry) -> None:
    party = await registry.party("cds_client_admin cds_service_contracts_hlp cds_usage_hlp")
    consent = await party.client("cds_usage_hlp")
    details = [{"type": "cds_usage_hlp", "sync_until": "P1Y"}]
    wanted = {"redirect_uris": [BACK, f"{BACK}/two"], "cds_default_redirect_uri": f"{BACK}/two", "cds_default_scope": "cds_usage_hlp",
              "cds_default_authorization_details": details}  # fmt: skip
    answer = await party.put(consent["cds_client_uri"], {**consent, **wanted})
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in wanted} == wanted
    from sqlalchemy import text

    async with registry.sessions() as session:
        query = text("SELECT body FROM outbox WHERE topic = 'cds.clients' AND key = :key ORDER BY id DESC LIMIT 1")
        told = json.loads((await session.scalars(query, {"key": consent["client_id"]})).one())
    assert (told["default_scope"], told["default_redirect_uri"]) == ("cds_usage_hlp", f"{BACK}/two")
    assert told["default_authorization_details"] == details


@pytest.mark.req("WG102-223")
async def test_the_utility_ends_a_secret_by_disabling_its_client_and_says_so(registry: Registry) -> None:
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    disable = f"/operator/api/v1/clients/{consent['client_id']}/disable"
    answer = await registry.http.post(disable, headers=await registry.operator(), json={"reason": "The secret was published."})
    assert answer.status_code == 200, answer.text
    [credential] = (await party.get("/cds/v1/credentials", params={"client_ids": consent["client_id"]})).json()["credentials"]
    assert credential["client_secret_expires_at"] == 1795543200
    told = [each for each in await party.messages() if each.get("related_uri") == consent["cds_client_uri"]]
    assert any(each["type"] == "private_message" and "cds_status" in each["description"] for each in told)


@pytest.mark.req("WG102-159")
async def test_a_big_file_is_shared_as_a_file_with_a_message_that_leads_to_its_grant(registry: Registry) -> None:
    party = await registry.party("cds_client_admin cds_server_provided_files_hlp")
    made = await share(registry, party, b"x" * 12_000_000)
    assert made["size"] == 12_000_000
    told = [each for each in await party.messages() if each.get("related_type") == "grant"]
    assert [each["related_uri"] for each in told] == ["http://localhost:8080/cds/v1/grants/grant-1"]
    assert "attachments" not in told[0]
    [grant] = registry.auth.created
    assert grant["authorization_details"] == [{"type": "cds_server_provided_files_hlp", "file_id": made["file_id"]}]


@pytest.mark.req("WG102-163", "WG102-175")
def test_message_words_are_those_of_the_specification() -> None:
    assert {each.value for each in MessageType} == {
        "notification", "private_message", "production_request", "support_request", "grant_request", "field_changes", "server_request",
        "client_submission", "payment_request", "online_form_request", "pdf_form_request", "request_update",
    }  # fmt: skip
    assert {each.value for each in RelatedType} == {
        "more_info", "documentation", "support", "online_form", "pdf_form", "payment_form", "payment_receipt", "client_list", "client",
        "grant_list", "grant", "message_list", "message", "credential_list", "credential",
    }  # fmt: skip


@pytest.mark.req("WG102-163", "WG102-175", "WG102-176")
async def test_addresses_in_messages_open_with_the_admin_token_only(registry: Registry) -> None:
    party = await registry.party(ALL, **INVITE)
    consent = await party.client("cds_usage_hlp")
    assert (await party.put(consent["cds_client_uri"], with_back(consent))).status_code == 200
    await party.post("/cds/v1/credentials", {"client_id": consent["client_id"]})
    operator = await registry.operator()
    review = (await party.messages("outstanding"))[0]
    assert (
        await registry.http.post(f"/operator/api/v1/requests/{review['message_id']}/approve", headers=operator, json={})
    ).status_code == 201
    await registry.http.post("/operator/api/v1/notifications", headers=operator, json={"name": "Maintenance", "description": "On Sunday"})
    messages = [each for name in ("outstanding", "unread", "read") for each in await party.messages(name)]
    types = set[str]()
    for message in messages:
        assert_fits(message, "message")
        if message.get("related_type") in {"client_list", "client", "message_list", "message", "credential_list", "credential"}:
            types.add(message["related_type"])
            assert (await party.get(message["related_uri"])).status_code == 200
            assert (await registry.http.get(message["related_uri"])).status_code == 401
    assert types >= {"client", "credential"}
    assert {each["type"] for each in messages} >= {"notification", "private_message", "request_update"}


@pytest.mark.req("WG102-294")
async def test_a_script_alone_gets_from_nothing_to_its_objects(registry: Registry) -> None:
    """No page, no cookie and no browser header is needed anywhere."""
    registry.http.headers = {"User-Agent": "curl/8"}  # type: ignore[assignment]
    oauth = (await registry.http.get("/.well-known/oauth-authorization-server")).json()
    answer = await registry.http.post(oauth["registration_endpoint"], json={"scope": ALL, "client_name": "Script", **INVITE})
    assert answer.status_code == 201
    party = await registry.admin(answer.json(), await registry.registration_of(answer.json()["client_id"]))
    consent = await party.client("cds_usage_hlp")
    assert (await party.put(consent["cds_client_uri"], with_back(consent))).status_code == 200
    assert (await party.post("/cds/v1/credentials", {"client_id": consent["client_id"]})).status_code == 201
    sent = {"previous_uri": None, "type": "support_request", "name": "Help", "description": "No data"}
    assert (await party.post("/cds/v1/messages", sent)).status_code == 201
    assert "set-cookie" not in answer.headers
    page = await registry.http.get("/registration")
    assert page.status_code == 200
    for word in ("captcha", "challenge-platform", "turnstile", "<iframe"):
        assert word not in page.text.lower()


@pytest.mark.req("WG102-161", "WG102-156")
@pytest.mark.parametrize(
    ("path", "related_type"),
    [
        ("/cds/v1/clients", "client_list"),
        ("/cds/v1/clients/{client_id}", "client"),
        ("/cds/v1/grants", "grant_list"),
        ("/cds/v1/grants/{grant_id}", "grant"),
        ("/cds/v1/messages", "message_list"),
        ("/cds/v1/credentials", "credential_list"),
    ],
)
async def test_the_server_finds_the_type_of_an_address(registry: Registry, path: str, related_type: str) -> None:
    party = await registry.party()
    address = "http://localhost:8080" + path.format(client_id=party.client_id, grant_id=party.grant_id)
    words = {"name": "Frage zu Zähler 7 ✓", "description": "Line one\n\nZeile zwei: größer ✓\t<b>"}
    answer = await party.post("/cds/v1/messages", {"previous_uri": None, "type": "support_request", "related_uri": address, **words})
    assert answer.status_code == 201, answer.text
    assert {name: answer.json()[name] for name in words} == words
    assert (answer.json()["related_uri"], answer.json()["related_type"]) == (address, related_type)
    assert_fits(answer.json(), "message")
