"""CDS-WG1-02 §3: scope descriptions and registration fields of this and of other offers."""

import json
from decimal import Decimal
from typing import Any

import pytest

from cds_common.settings import CommonSettings
from cds_common.utility import Utility
from cds_common.utility.models import ScopeOffer
from cds_common.utility.parts import Choice, RegistrationField
from cds_registry.settings import Settings
from services.registry.tests.builders import Registry
from services.registry.tests.schemas import FOLDER, assert_fits
from tests.conformance.servers import Serve

OAUTH = "/.well-known/oauth-authorization-server"
ALL_STEPS = ("internal_review", "payment_required", "email_verification", "sso_verification", "pdf_form", "online_form")


async def metadata(registry: Registry) -> dict[str, Any]:
    answer = await registry.http.get(OAUTH)
    assert answer.status_code == 200
    return answer.json()


async def scopes_of(registry: Registry) -> dict[str, dict[str, Any]]:
    return (await metadata(registry))["cds_scope_descriptions"]


def offering(utility: Utility, *more: ScopeOffer, without: str | None = None) -> Utility:
    return utility.model_copy(update={"scopes": [*(each for each in utility.scopes if each.id != without), *more]})


def a_step(kind: Any, **members: Any) -> RegistrationField:
    step_id = kind.replace("_", "-")
    return RegistrationField(id=f"step-{step_id}", type=kind, description=f"Do {step_id}", text=f"How {step_id} goes.", **members)


def asking(utility: Utility, *fields: RegistrationField, optional: bool = False) -> Utility:
    """The usage scope asks for these fields."""
    name = "registration_optional" if optional else "registration_requirements"
    ids = [each.id for each in fields]
    scopes = [
        each.model_copy(update={name: [*getattr(each, name), *ids]}) if each.id == "cds_usage_hlp" else each for each in utility.scopes
    ]
    return utility.model_copy(update={"scopes": scopes, "registration_fields": [*utility.registration_fields, *fields]})


@pytest.mark.req("WG102-012")
async def test_the_published_registration_address_registers_by_rfc_7591(registry: Registry) -> None:
    address = (await metadata(registry))["registration_endpoint"]
    answer = await registry.http.post(address, json={"scope": "cds_client_admin cds_usage_hlp", "client_name": "Kestrel"})
    assert answer.status_code == 201
    assert_fits(answer.json(), "registration-response")
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    server = (await party.get(consent["cds_server_metadata"])).json()
    assert_fits((await party.get(server["oauth_metadata"])).json(), "client-authorization-server-metadata")


@pytest.mark.req("WG3A-013", "WG102-030", "WG102-284")
async def test_offered_scopes_are_what_the_configuration_names(serve: Serve, utility: Utility) -> None:
    more = ScopeOffer(type="cds_meters", id="cds_meters_islands", coverages=["hlp-electric"], registration_requirements=["internal-review"])
    async with serve(offering(utility, more, without="cds_rate_plan_hlp")) as registry:
        offered = await metadata(registry)
        assert "cds_rate_plan_hlp" not in offered["scopes_supported"]
        assert "cds_rate_plan_hlp" not in offered["cds_scope_descriptions"]
        assert (await registry.register("cds_client_admin cds_rate_plan_hlp")).status_code == 400
        assert offered["cds_scope_descriptions"]["cds_meters_islands"]["registration_requirements"] == ["internal-review"]
        party = await registry.party("cds_client_admin cds_meters_islands")
        assert (await party.client("cds_meters_islands"))["cds_status"] == "sandbox"
        admin = offered["cds_scope_descriptions"]["cds_client_admin"]
        assert admin["registration_requirements"] == []


@pytest.mark.req("WG102-031")
async def test_every_scope_is_of_the_specifications_and_named_after_its_type(registry: Registry) -> None:
    known = {"cds_client_admin", "cds_grant_admin", "cds_server_provided_files"}
    spec = json.loads((FOLDER.parent / "scopes.json").read_text())
    known |= {each["type"] for each in (spec["scopes"].values() if isinstance(spec["scopes"], dict) else spec["scopes"])}
    for scope in (await scopes_of(registry)).values():
        assert scope["type"] in known
        assert scope["id"] == scope["type"] or scope["id"].startswith(f"{scope['type']}_")


@pytest.mark.req("WG102-036", "WG102-048")
async def test_admin_and_files_scopes_have_the_advised_ids_and_words(registry: Registry) -> None:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for scope in (await scopes_of(registry)).values():
        by_type.setdefault(scope["type"], []).append(scope)
    assert [each["id"] for each in by_type["cds_grant_admin"]] == ["cds_grant_admin_hlp"]
    [files] = by_type["cds_server_provided_files"]
    assert files["id"] == "cds_server_provided_files_hlp"
    assert files["description"] == "This scope grants access to specific files that the Server wants make available to the Client."


@pytest.mark.req("WG102-045", "WG102-051")
async def test_several_grant_admin_and_files_scopes_stand_side_by_side(serve: Serve, utility: Utility) -> None:
    admin_of_its_own = {"cds_client_admin", "cds_grant_admin"}
    named = [
        each if each.type in admin_of_its_own else each.model_copy(update={"grant_admin_scope": "cds_grant_admin_hlp"})
        for each in utility.scopes
    ]
    papers = ScopeOffer(
        type="cds_server_provided_files",
        id="cds_server_provided_files_papers",
        name="Server-Provided Files: Papers",
        grant_admin_scope="cds_grant_admin_papers",
    )
    second = ScopeOffer(type="cds_grant_admin", id="cds_grant_admin_papers")
    offer = offering(utility.model_copy(update={"scopes": named}), second, papers)
    async with serve(offer) as registry:
        scopes = await scopes_of(registry)
        for scope in scopes.values():
            if scope["grant_admin_scope"] is not None:
                assert scopes[scope["grant_admin_scope"]]["type"] == "cds_grant_admin"
        assert scopes["cds_usage_hlp"]["grant_admin_scope"] == "cds_grant_admin_hlp"
        assert scopes["cds_server_provided_files_papers"]["grant_admin_scope"] == "cds_grant_admin_papers"
        assert_fits(scopes["cds_server_provided_files_papers"], "scope-description-cds-server-provided-files")
        party = await registry.party("cds_client_admin cds_server_provided_files_hlp cds_server_provided_files_papers")
        assert {each["scope"] for each in await party.clients()} == {
            "cds_client_admin", "cds_grant_admin_hlp", "cds_grant_admin_papers", "cds_server_provided_files_hlp",
            "cds_server_provided_files_papers",
        }  # fmt: skip


@pytest.mark.req("WG102-054")
async def test_scopes_of_one_type_have_their_own_limits(registry: Registry) -> None:
    scopes = await scopes_of(registry)
    usage = [scopes[name] for name in ("cds_usage_hlp", "cds_usage_history_hlp")]
    assert [each["type"] for each in usage] == ["cds_usage", "cds_usage"]
    limits = [
        next(field["maximum"] for field in each["authorization_details_fields_supported"] if field["id"] == "segment_start")
        for each in usage
    ]
    assert limits == ["P13M", "P3Y"]
    assert scopes["cds_client_admin"]["type"] == "cds_client_admin"


@pytest.mark.req("WG102-055", "WG102-095")
async def test_a_required_field_is_asked_for_and_shown_and_steps_become_messages(serve: Serve, utility: Utility) -> None:
    company = RegistrationField(
        id="company", type="registration_field", field_name="cds_company_name", format="string", max_length=50,
        description="Company", text="Its legal name.",
    )  # fmt: skip
    async with serve(asking(utility, company)) as registry:
        described = await metadata(registry)
        for scope in described["cds_scope_descriptions"].values():
            for field in (*scope["registration_requirements"], *scope["registration_optional"]):
                assert field in described["cds_registration_fields"]
        refused = await registry.register()
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
        assert "cds_company_name" in refused.json()["error_description"]
        assert (await registry.register(cds_company_name="x" * 51)).status_code == 400
        party = await registry.party(cds_company_name="Kestrel Audits Ltd")
        assert (await party.client("cds_usage_hlp"))["cds_company_name"] == "Kestrel Audits Ltd"
        assert "cds_company_name" not in await party.client("cds_client_admin")
        listed = await registry.http.get("/operator/api/v1/registrations", headers=await registry.operator())
        assert listed.json()["registrations"][0]["fields"]["cds_company_name"] == "Kestrel Audits Ltd"
        assert [each["type"] for each in await party.messages("outstanding")] == ["production_request"]


@pytest.mark.req("WG102-056")
async def test_an_optional_field_may_be_sent_or_left_out(serve: Serve, utility: Utility) -> None:
    plan = RegistrationField(
        id="plan", type="registration_field", field_name="cds_plan", format="choice", default="small",
        choices=[Choice(id="small", name="Small", description="A few customers"), Choice(id="large", name="Large", description="Many")],
        description="Plan", text="How many customers.",
    )  # fmt: skip
    async with serve(asking(utility, plan, optional=True)) as registry:
        with_it, without = await registry.party(cds_plan="large"), await registry.party()
        assert (await with_it.client("cds_usage_hlp"))["cds_plan"] == "large"
        assert (await without.client("cds_usage_hlp"))["cds_plan"] == "small"
        assert (await registry.register(cds_plan="huge")).status_code == 400


@pytest.mark.req("WG102-067", "WG102-069", "WG102-078", "WG102-163", "WG102-175")
async def test_every_kind_of_step_is_described_and_asked_for(serve: Serve, utility: Utility) -> None:
    price = {"amount": Decimal("12.50"), "currency": "USD"}
    steps = [a_step(kind, **(price if kind == "payment_required" else {})) for kind in ALL_STEPS]
    async with serve(asking(utility, *steps)) as registry:
        fields = (await metadata(registry))["cds_registration_fields"]
        for field in fields.values():
            assert_fits(field, "registration-field")
        assert {field["type"] for field in fields.values()} == {"registration_field", *ALL_STEPS}
        payment = fields["step-payment-required"]
        assert (payment["amount"], payment["currency"]) == (12.5, "USD")
        page = (await registry.http.get(payment["documentation"])).text
        assert "12.50" in page
        assert "USD" in page
        assert "How payment-required goes." in page
        party = await registry.party()
        asked = await party.messages("outstanding")
        for message in asked:
            assert_fits(message, "message")
        kinds = sorted(each["type"] for each in asked)
        assert kinds == ["online_form_request"] * 3 + ["payment_request", "pdf_form_request"] + ["production_request"] * 2
        for message in asked:
            if message["type"] == "pdf_form_request":
                blank = await registry.http.get(message["related_uri"])
                assert (message["related_type"], blank.content[:5]) == ("pdf_form", b"%PDF-")


@pytest.mark.req("WG3A-008", "WG102-283")
async def test_everything_published_is_https_in_production(serve: Serve, utility: Utility, settings: Settings) -> None:
    for host in ("http://data.hlp.example", "http://10.0.0.7:8080"):
        with pytest.raises(ValueError, match="https is required"):
            Settings.model_validate({**settings.model_dump(), "public_url": host})
    assert issubclass(Settings, CommonSettings)
    async with serve(utility, public_url="https://data.hlp.example") as registry:
        for path in ("/.well-known/cds-server-metadata.json", OAUTH, "/cds/v1/coverage"):
            text = (await registry.http.get(path)).text
            assert "https://data.hlp.example/" in text
            assert "http://" not in text
        answer = await registry.register()
        assert "http://" not in answer.text
        assert '"https://data.hlp.example/cds/v1/clients/' in answer.text


@pytest.mark.req("WG102-002")
@pytest.mark.parametrize("amount", ["10.10", "0.123456", "1200"])
async def test_a_fee_keeps_its_digits(serve: Serve, utility: Utility, amount: str) -> None:
    fee = a_step("payment_required", amount=Decimal(amount), currency="EUR")
    async with serve(asking(utility, fee)) as registry:
        assert f'"amount":{amount},' in (await registry.http.get(OAUTH)).text
        party = await registry.party()
        assert f'"amount":{amount},' in (await party.get("/cds/v1/messages")).text


@pytest.mark.req("WG102-023", "WG102-205")
async def test_a_registration_by_hand_shows_on_the_apis_like_any_other(registry: Registry) -> None:
    page = await registry.http.get("/registration")
    csrf = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    form = {"csrf": csrf, "client_name": "By hand", "contacts": "a@b.example", "scopes": ["cds_usage_hlp"]}
    done = await registry.http.post("/registration", data=form)
    assert done.status_code == 201
    listed = await registry.http.get("/operator/api/v1/clients", headers=await registry.operator())
    admin = next(each for each in listed.json()["clients"] if each["kind"] == "client_admin")
    by_hand = await registry.admin(admin["client"], admin["registration_id"])
    by_program = await registry.party("cds_client_admin cds_usage_hlp", contacts=["a@b.example"])

    async def shape(party: Any) -> tuple[set[str], set[str], int]:
        messages = {each["type"] for each in await party.messages("outstanding")}
        return (
            {each["scope"] for each in await party.clients()},
            messages,
            len((await party.get("/cds/v1/credentials")).json()["credentials"]),
        )

    assert await shape(by_hand) == await shape(by_program)
    secrets = [each["client_secret"] for each in (await by_hand.get("/cds/v1/credentials")).json()["credentials"]]
    assert sum(secret in done.text for secret in secrets) == 1


@pytest.mark.req("WG102-055")
@pytest.mark.parametrize(("code", "status"), [("HLP-SANDBOX", "sandbox"), ("HLP-INV-2209", "production")])
async def test_each_published_invite_code_opens_its_environment(registry: Registry, code: str, status: str) -> None:
    refused = await registry.register("cds_client_admin cds_query_accounts_hlp")
    assert refused.status_code == 400
    party = await registry.party("cds_client_admin cds_query_accounts_hlp", cds_invite_code=code)
    assert (await party.client("cds_query_accounts_hlp"))["cds_status"] == status
