"""Registration steps: payment, forms, e-mail (CDS-WG1-02 §3.6)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cds_common.utility.parts import RegistrationField as ConfiguredField
from cds_registry.application.modify_client import ClientTools
from cds_registry.application.offer import Offer
from cds_registry.domain.scopes import Catalogue, RegistrationField
from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits

STEPS: dict[str, dict[str, Any]] = {
    "fee": {"type": "payment_required", "amount": Decimal("12.50"), "currency": "USD"},
    "mail": {"type": "email_verification"},
    "sign": {"type": "pdf_form"},
}


def a_field(name: str, members: dict[str, Any]) -> RegistrationField:
    return RegistrationField(id=name, description=f"Step {name}", documentation="https://x.example", **members)


def with_steps(offer: Offer) -> Offer:
    """The shipped offer, whose usage scope asks for three more steps."""
    configured = [ConfiguredField(id=name, description=f"Step {name}", text="How it goes.", **members) for name, members in STEPS.items()]
    fields = {name: a_field(name, members) for name, members in STEPS.items()}
    usage = offer.catalogue.scopes["cds_usage_hlp"]
    scopes = {**offer.catalogue.scopes, usage.id: replace(usage, requirements=(*usage.requirements, *STEPS))}
    utility = offer.utility.model_copy(update={"registration_fields": [*offer.utility.registration_fields, *configured]})
    return replace(offer, utility=utility, catalogue=Catalogue(scopes, {**offer.catalogue.fields, **fields}))


@pytest.fixture
async def opened(opened: Any) -> Any:
    app, state = opened
    offer, tools = with_steps(state["offer"]), state["tools"]
    return app, {**state, "offer": offer, "tools": ClientTools(offer, tools.box, tools.auth, tools.policy)}


async def waiting(party: Party) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in await party.messages("outstanding")}


@pytest.mark.req("WG102-070", "WG102-071", "WG102-162", "WG102-161", "WG102-002")
async def test_registration_asks_for_each_step_at_once(registry: Registry) -> None:
    party = await registry.party()
    asked = await waiting(party)
    assert set(asked) == {"production_request", "payment_request", "online_form_request", "pdf_form_request"}
    payment, form, pdf = asked["payment_request"], asked["online_form_request"], asked["pdf_form_request"]
    for each in asked.values():
        assert_fits(each, "message")
    assert '"amount":12.50' in (await party.get(payment["uri"])).text
    assert (payment["currency"], payment["status"], payment["related_type"]) == ("USD", "open", "payment_form")
    assert (form["status"], form["related_type"]) == ("open", "online_form")
    blank = await registry.http.get(pdf["related_uri"])
    assert (blank.status_code, blank.headers["content-type"], blank.content[:5]) == (200, "application/pdf", b"%PDF-")


@pytest.mark.req("WG102-073", "WG102-075", "WG102-173", "WG102-076")
async def test_a_payment_is_submitted_on_its_page_and_settled_by_the_operator(registry: Registry) -> None:
    party = await registry.party()
    payment = (await waiting(party))["payment_request"]
    page = await registry.http.get(payment["related_uri"])
    assert "12.50 USD" in page.text
    token = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    assert (await registry.http.post(payment["related_uri"], data={"answer": "Ref 7"})).status_code == 403
    registry.later(seconds=1)
    sent = await registry.http.post(payment["related_uri"], data={"csrf": token, "answer": "Ref 7"})
    assert sent.status_code == 303
    assert (await registry.http.get(payment["related_uri"])).status_code == 200
    assert (await party.get(payment["uri"])).json()["status"] == "pending"
    updates = [each for each in await party.messages() if each["type"] == "request_update"]
    assert [(each["status"], each["previous_uri"]) for each in updates] == [("pending", payment["uri"])]
    registry.later(seconds=1)
    approve = f"/operator/api/v1/requests/{payment['message_id']}/approve"
    receipt = {"receipt_uri": "https://pay.example/receipt/7"}
    answer = (await registry.http.post(approve, headers=await registry.operator(), json=receipt)).json()
    assert_fits(answer, "message")
    assert (answer["status"], answer["related_type"], answer["related_uri"]) == (
        "complete",
        "payment_receipt",
        "https://pay.example/receipt/7",
    )
    left = await waiting(party)
    assert "payment_request" not in left
    assert "request_update" not in left


@pytest.mark.req("WG102-077", "WG102-075")
async def test_a_pdf_form_is_answered_by_a_submission_with_the_file(registry: Registry) -> None:
    party = await registry.party()
    pdf = (await waiting(party))["pdf_form_request"]
    sent: dict[str, Any] = {"previous_uri": pdf["uri"], "type": "client_submission", "name": "", "description": ""}
    empty = sent | {"updates_requested": [{"field": "sign", "description": "here"}]}
    assert (await party.post("/cds/v1/messages", empty)).status_code == 400
    file = {"filename": "form.pdf", "mime_type": "application/pdf", "data": "JVBERi0="}
    assert (await party.post("/cds/v1/messages", empty | {"attachments": [file]})).status_code == 201
    assert (await party.get(pdf["uri"])).json()["status"] == "pending"
    assert [each["status"] for each in await party.messages() if each["type"] == "request_update"] == ["pending"]
    by_address = sent | {"updates_requested": [{"field": "sign", "uri": "https://www.kestrel.example/form.pdf"}]}
    assert (await party.post("/cds/v1/messages", by_address)).status_code == 201


async def test_the_page_of_a_step_is_found_by_its_address_only(registry: Registry) -> None:
    party = await registry.party()
    mine = (await party.post("/cds/v1/messages", {"type": "support_request", "name": "x", "description": "y"})).json()
    for message_id in ("unknown", mine["message_id"]):
        assert (await registry.http.get(f"/registration/steps/{message_id}")).status_code == 404


@pytest.mark.req("WG102-079")
async def test_production_may_be_approved_while_a_step_is_open(registry: Registry) -> None:
    party = await registry.party()
    review = (await waiting(party))["production_request"]
    path = f"/operator/api/v1/requests/{review['message_id']}/approve"
    assert (await registry.http.post(path, headers=await registry.operator(), json={})).status_code == 201
    assert "production" in {each["cds_status"] for each in await party.clients() if each["response_types"]}
