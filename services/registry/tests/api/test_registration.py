"""POST /oauth/register (CDS-WG1-02 §4)."""

import pytest

from cds_common import clock
from cds_common.testing.app import application
from cds_registry.app import create_app
from cds_registry.settings import Settings
from services.registry.tests.builders import Registry
from services.registry.tests.schemas import assert_fits

DIRECT = "cds_query_accounts_hlp cds_query_bill_statements_hlp"
CONSENT = "cds_service_contracts_hlp cds_usage_hlp"
ALL = f"cds_client_admin {DIRECT} {CONSENT}"
INVITE = "HLP-INV-2209"


@pytest.mark.req("WG102-099", "WG102-100", "WG102-101", "WG102-092", "WG102-098")
async def test_answer_is_the_admin_client_object_with_its_secret(registry: Registry) -> None:
    answer = await registry.register(
        ALL, cds_invite_code=INVITE, client_uri="https://www.kestrel.example", contacts=["dev@kestrel.example"], nonsense=1
    )
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert_fits(body, "registration-response", "client-customer-data-extension")
    assert body["scope"] == "cds_client_admin"
    assert (body["redirect_uris"], body["response_types"], body["grant_types"]) == ([], [], ["client_credentials"])
    assert body["token_endpoint_auth_method"] == "client_secret_basic"
    assert body["client_secret_expires_at"] == 0
    assert (body["client_name"], body["contacts"]) == ("Kestrel Home Audits", ["dev@kestrel.example"])
    assert (body["authorization_details_types"], body["cds_status"]) == ([], "production")
    assert "disabled" not in body["cds_status_options"]
    assert "nonsense" not in body
    assert INVITE not in answer.text
    assert body["client_id_issued_at"] == 1795543200


@pytest.mark.req("WG102-128", "WG102-129")
async def test_the_default_scope_is_a_possible_request(registry: Registry) -> None:
    """Scopes that must be told what they are about (§6.1.2, §6.1.3, §6.1.10 of CDS-WG3-01) cannot be asked for by their id alone."""
    needy = "cds_account_programs_hlp cds_service_programs_hlp cds_aggregation_consent_hlp"
    party = await registry.party(f"cds_client_admin {CONSENT} {needy}")
    client = await party.client("cds_usage_hlp")
    assert (client["scope"], client["cds_default_scope"]) == (f"{CONSENT} {needy}", CONSENT)
    reset = await party.put(client["cds_client_uri"], {name: value for name, value in client.items() if name != "cds_default_scope"})
    assert (reset.status_code, reset.json()["cds_default_scope"]) == (200, CONSENT)
    alone = await registry.party("cds_client_admin cds_aggregation_consent_hlp")
    assert (await alone.client("cds_aggregation_consent_hlp"))["cds_default_scope"] == "cds_aggregation_consent_hlp"


@pytest.mark.req("WG102-102", "WG102-103", "WG102-104", "WG102-105", "WG102-107", "WG102-109", "WG102-112", "WG102-129", "WG3C-003")
async def test_makes_four_client_objects_for_admin_grant_admin_direct_and_consent(registry: Registry) -> None:
    party = await registry.party(ALL, cds_invite_code=INVITE)
    clients = {each["scope"]: each for each in await party.clients()}
    assert set(clients) == {"cds_client_admin", "cds_grant_admin_hlp", DIRECT, CONSENT}
    grant_admin, direct, consent = clients["cds_grant_admin_hlp"], clients[DIRECT], clients[CONSENT]
    assert grant_admin["authorization_details_types"] == ["cds_grant_admin_hlp"]
    assert (direct["cds_status"], direct["cds_status_options"]) == ("production", ["production", "disabled"])
    assert direct["grant_types"] == ["client_credentials"]
    assert "cds_default_scope" not in direct
    assert (consent["cds_status"], consent["cds_status_options"]) == ("sandbox", ["sandbox", "disabled"])
    assert consent["grant_types"] == ["authorization_code", "refresh_token"]
    assert consent["redirect_uris"] == [f"http://localhost:8080/consent/done/{consent['client_id']}"]
    assert consent["cds_default_redirect_uri"] == consent["redirect_uris"][0]
    assert consent["cds_default_authorization_details"] == []
    assert consent["cds_purposes"]["hlp-any-use"]["scopes_supported"] == CONSENT.split()
    for each in clients.values():
        assert_fits(each, "client", "client-customer-data-extension")
        assert "client_secret" not in each


@pytest.mark.req("WG102-106", "WG102-118")
async def test_each_authenticating_client_has_a_credential_and_a_files_client_has_none(registry: Registry) -> None:
    party = await registry.party("cds_client_admin cds_usage_hlp cds_server_provided_files_hlp")
    clients = {each["client_id"]: each for each in await party.clients()}
    credentials = (await party.get("/cds/v1/credentials")).json()["credentials"]
    files = next(each for each in clients.values() if each["scope"] == "cds_server_provided_files_hlp")
    assert files["token_endpoint_auth_method"] is None
    assert (files["grant_types"], files["response_types"]) == ([], [])
    assert {each["client_id"] for each in credentials} == set(clients) - {files["client_id"]}
    secret = next(each for each in credentials if each["client_id"] == party.client_id)["client_secret"]
    assert secret == party.answer["client_secret"]


@pytest.mark.req("WG102-093", "WG102-094", "WG102-097", "WG102-081")
@pytest.mark.parametrize(
    ("scope", "members"),
    [
        ("cds_usage_hlp", {}),
        ("cds_client_admin openid", {}),
        ("cds_client_admin cds_unknown", {}),
        ("", {}),
        (f"cds_client_admin {DIRECT}", {}),
        (f"cds_client_admin {DIRECT}", {"cds_invite_code": "wrong-code-0"}),
        (f"cds_client_admin {DIRECT}", {"cds_invite_code": None}),
        (f"cds_client_admin {DIRECT}", {"cds_invite_code": 7}),
        ("cds_client_admin", {"client_uri": "javascript:alert(1)"}),
        ("cds_client_admin", {"client_uri": "http://www.kestrel.example"}),
        ("cds_client_admin", {"client_name": "a\nb"}),
        ("cds_client_admin", {"client_name": "a\u202eb"}),
        ("cds_client_admin", {"contacts": "dev@kestrel.example"}),
        ("cds_client_admin", {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}),
        ("cds_client_admin", {"token_endpoint_auth_method": "none"}),
    ],
)
async def test_refuses_in_the_form_of_rfc_7591_and_makes_nothing(registry: Registry, scope: str, members: dict[str, object]) -> None:
    body = {"scope": scope, "client_name": "Kestrel", **members}
    answer = await registry.http.post("/oauth/register", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert_fits(answer.json(), "registration-error-response")
    assert answer.json()["error"] == "invalid_client_metadata"
    async with registry.sessions() as session:
        from sqlalchemy import func, select

        from cds_registry.persistence.tables import ClientRow, RegistrationRow

        assert await session.scalar(select(func.count()).select_from(ClientRow)) == 0
        assert await session.scalar(select(func.count()).select_from(RegistrationRow)) == 0


async def test_a_sandbox_invitation_opens_all_of_the_sandbox_and_nothing_of_production(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin {DIRECT}", cds_invite_code="HLP-SANDBOX")
    direct = await party.client(DIRECT.split(maxsplit=1)[0])
    assert (direct["cds_status"], direct["cds_status_options"]) == ("sandbox", ["sandbox", "disabled"])
    headers = await registry.operator()
    shown = (await registry.http.get(f"/operator/api/v1/clients/{direct['client_id']}", headers=headers)).json()
    assert (shown["environment"], shown["permission"]["everything"]) == ("sandbox", True)
    sent = {"previous_uri": None, "type": "production_request", "name": "x", "description": "y", "related_uri": direct["cds_client_uri"]}
    request = (await party.post("/cds/v1/messages", sent)).json()
    path = f"/operator/api/v1/requests/{request['message_id']}/approve"
    assert (await registry.http.post(path, headers=headers, json={})).status_code == 400
    allowed = {"permission": {"account_refs": ["AC-1"]}}
    answer = await registry.http.post(path, headers=headers, json=allowed)
    assert answer.status_code == 201, answer.text
    twin = (await registry.http.get(f"/operator/api/v1/clients/{answer.json()['related_uri'].rsplit('/', 1)[1]}", headers=headers)).json()
    assert (twin["environment"], twin["permission"]["everything"], twin["permission"]["account_refs"]) == ("production", False, ["AC-1"])


@pytest.mark.req("WG102-096")
async def test_redirect_uris_are_ignored_whatever_they_hold(registry: Registry) -> None:
    party = await registry.party(redirect_uris=["not an address", 7])
    assert "consent/done" in (await party.client("cds_usage_hlp"))["redirect_uris"][0]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"scope": "cds_client_admin", "scope": "x"}',
        '"text"',
        '{"scope": NaN}',
        "[" * 100_000,
        '{"scope": "cds_client_admin", "client_name": "a\\u0000b"}',
        '{"scope": "cds_client_admin", "x": ["\\u0000"]}',
    ],
)
async def test_bodies_that_are_no_single_object_are_refused(registry: Registry, content: str) -> None:
    answer = await registry.http.post("/oauth/register", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"


@pytest.mark.req("WG102-068", "WG102-167")
async def test_internal_review_begins_as_a_pending_production_request_of_the_server(registry: Registry) -> None:
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    waiting = (await party.get("/cds/v1/messages")).json()["outstanding"]
    assert [(each["type"], each["status"], each["creator"]) for each in waiting] == [("production_request", "pending", None)]
    assert (waiting[0]["related_uri"], waiting[0]["related_type"]) == (consent["cds_client_uri"], "client")
    assert_fits(waiting[0], "message")


@pytest.mark.req("WG102-064", "WG3A-116", "WG3A-117", "WG3A-118")
async def test_submitted_purposes_get_ids_and_scopes_from_the_server(registry: Registry) -> None:
    purpose = {"id": "", "name": "Audit", "content": "We look.", "related_uri": None, "scopes_supported": []}
    party = await registry.party(cds_registration_purposes=[purpose])
    mine = [each for each in (await party.client("cds_usage_hlp"))["cds_purposes"].values() if each["name"] == "Audit"]
    assert len(mine) == 1
    assert mine[0]["id"].startswith("p-")
    assert mine[0]["scopes_supported"] == ["cds_usage_hlp"]
    linkless = {name: value for name, value in purpose.items() if not name.startswith("related_")}
    for wrong in (
        [],
        [linkless],
        [purpose | {"id": "x"}],
        [purpose | {"scopes_supported": ["cds_usage_hlp"]}],
        [purpose | {"content": " "}],
        {},
    ):
        assert (await registry.register(cds_registration_purposes=wrong)).status_code == 400
    assert (await registry.register(cds_registration_purposes=None)).status_code == 201


@pytest.mark.req("WG102-291", "WG102-286")
async def test_floods_of_registrations_meet_429_with_retry_after(registry: Registry) -> None:
    answers = [await registry.register("cds_client_admin") for _ in range(32)]
    assert [each.status_code for each in answers[:30]] == [201] * 30
    assert [each.status_code for each in answers[30:]] == [429, 429]
    assert answers[-1].headers["retry-after"] == "2"
    registry.later(seconds=2)
    assert (await registry.register("cds_client_admin")).status_code == 201


@pytest.mark.req("WG102-293")
async def test_guesses_are_counted_per_address(registry: Registry) -> None:
    address = "/operator/api/v1/clients"
    codes = [(await registry.http.get(address, headers={"Authorization": f"Bearer {guess}"})).status_code for guess in range(62)]
    assert codes == [401] * 60 + [429, 429]
    registry.later(minutes=2)
    codes = [
        (await registry.register(f"cds_client_admin {DIRECT}", cds_invite_code=f"guess-{guess:04}")).status_code for guess in range(22)
    ]
    assert codes == [400] * 20 + [429, 429]


@pytest.mark.req("WG102-293")
async def test_refused_tokens_of_an_address_do_not_close_it_to_good_ones(registry: Registry) -> None:
    party = await registry.party()
    codes = [401]
    while codes[-1] == 401 and len(codes) < 2000:
        codes.append((await registry.http.get("/cds/v1/clients", headers={"Authorization": f"Bearer {len(codes)}"})).status_code)
    assert codes[-1] == 429
    assert (await party.get("/cds/v1/clients")).status_code == 200


@pytest.mark.req("WG102-293")
async def test_guessed_invite_codes_count_for_all_processes_and_for_an_hour(registry: Registry, settings: Settings) -> None:
    for guess in range(20):
        await registry.register(f"cds_client_admin {DIRECT}", cds_invite_code=f"guess-{guess:04}")
        registry.later(minutes=1)
    app = create_app(settings)
    app.dependency_overrides[clock.now] = lambda: registry.now
    async with application(app, state={"sessions": registry.sessions}) as restarted:
        body = {"scope": f"cds_client_admin {DIRECT}", "client_name": "Kestrel", "cds_invite_code": "HLP-INV-2209"}
        held = await restarted.post("/oauth/register", json=body)
        assert (held.status_code, held.headers["retry-after"]) == (429, "2400")
        registry.later(minutes=40)
        assert (await restarted.post("/oauth/register", json=body)).status_code == 201


@pytest.mark.req("WG102-292")
async def test_calls_are_limited_per_client(registry: Registry) -> None:
    party, other = await registry.party(), await registry.party(client_name="Other")
    codes = [(await party.get("/cds/v1/clients/unknown")).status_code for _ in range(501)]
    assert codes == [404] * 500 + [429]
    assert (await other.get("/cds/v1/clients")).status_code == 200
