"""`/registration`: registration by hand (cds_human_registration), and the pages of registration steps."""

from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cds_common.rate_limits import address_of
from cds_common.wire import cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Now, OfferOf, Tools, Tx
from cds_registry.api.docs import scopes_for_people
from cds_registry.api.forms import browser_id, check_form, keep_browser, new_token
from cds_registry.api.pages import Pages, PagesOf
from cds_registry.api.rate_limits import limit_invites
from cds_registry.application.offer import Offer
from cds_registry.application.register_client import register_client
from cds_registry.application.registration_steps import submit_step
from cds_registry.domain.errors import InviteRefused, RegistrationRefused
from cds_registry.domain.registration import read_registration
from cds_registry.domain.scopes import CLIENT_ADMIN, LOGIN_STEP, RegistrationField
from cds_registry.persistence.messages import find_step
from cds_registry.persistence.refused_invites import count_refused

router = cds_router(prefix="/registration", include_in_schema=False, max_body_size=SMALL)

_FILES = ("image", "pdf", "purposes")
_NOTHING: Mapping[str, Any] = {"client_name": "", "contacts": "", "client_uri": "", "scopes": [], "fields": {}}


@router.get("")
async def show(request: Request, pages: PagesOf, offer: OfferOf) -> HTMLResponse:
    """The form."""
    return _form(request, pages, offer, _NOTHING, None)


@router.post("")
async def send(request: Request, pages: PagesOf, tools: Tools, tx: Tx, now: Now) -> HTMLResponse:
    """Register by the same rules as `/oauth/register`; the page shows the secret."""
    sent = await request.form(max_files=0, max_fields=200)
    form = FormData([(name, value.replace("\x00", "")) for name, value in sent.multi_items() if isinstance(value, str)])
    check_form(request, pages, form.get("csrf"))
    body = _body(form, tools.offer)
    try:
        wanted = read_registration(body, tools.offer.catalogue)
        if wanted.invite_code is not None:
            await limit_invites(tx, request, tools.offer, now)
        async with tx.begin_nested():
            made = await register_client(tx, wanted, offer=tools.offer, box=tools.box, origin=address_of(request), now=now)
    except RegistrationRefused as refused:
        if isinstance(refused, InviteRefused):
            await count_refused(tx, address_of(request), now)
        given = {name: str(form.get(name) or "") for name in ("client_name", "contacts", "client_uri")}
        fields = {name: value for name, value in body.items() if name.startswith("cds_") and isinstance(value, str)}
        return _form(request, pages, tools.offer, {**given, "scopes": form.getlist("scopes"), "fields": fields}, refused.detail)
    return pages.render("registered.html", status=201, client_id=made.admin.client_id, secret=made.secret, clients=made.clients)


@router.get("/steps/{message_id}")
async def show_step(message_id: str, request: Request, pages: PagesOf, offer: OfferOf, tx: Tx) -> HTMLResponse:
    """What a registration step asks for; the address can be opened any number of times (WG102-073)."""
    message = await find_step(tx, message_id)
    if message is None:
        raise HTTPException(404)
    text = next((each.text for each in offer.utility.registration_fields if each.id == message.step), "")
    browser = browser_id(request, pages)
    field = offer.catalogue.fields.get(message.step or "")
    login = f"{offer.public_url}/my/connect/{message_id}" if field is not None and field.type == LOGIN_STEP else None
    answer = pages.render("step.html", message=message, text=text, csrf=new_token(pages, browser), login=login)
    keep_browser(answer, pages, browser)
    return answer


@router.post("/steps/{message_id}")
async def send_step(message_id: str, request: Request, pages: PagesOf, tx: Tx, now: Now) -> Response:
    """The client says that it has done the step; the operator looks at it."""
    form = await request.form(max_files=0, max_fields=10)
    check_form(request, pages, form.get("csrf"))
    if not await submit_step(tx, message_id=message_id, text=str(form.get("answer") or "")[:5000], now=now):
        raise HTTPException(404)
    return RedirectResponse(f"/registration/steps/{message_id}", 303)


def _form(request: Request, pages: Pages, offer: Offer, given: Mapping[str, Any], fault: str | None) -> HTMLResponse:
    browser = browser_id(request, pages)
    fields = [shown for field in offer.catalogue.fields.values() if (shown := _input(field, offer)) is not None]
    answer = pages.render(
        "register.html",
        status=400 if fault else 200,
        csrf=new_token(pages, browser),
        scopes=scopes_for_people(offer),
        fields=fields,
        given=given,
        fault=fault,
    )
    keep_browser(answer, pages, browser)
    return answer


def _input(field: RegistrationField, offer: Offer) -> dict[str, Any] | None:
    """How the form asks for a field; files and Purposes are given by program, or later."""
    form = (field.format or "").removesuffix("_or_null")
    if field.type != "registration_field" or form in _FILES:
        return None
    configured = next(each for each in offer.utility.registration_fields if each.id == field.id)
    return {
        "id": field.id,
        "name": field.field_name,
        "description": field.description,
        "needed": any(field.id in scope.requirements for scope in offer.catalogue.scopes.values()),
        "choices": configured.choices,
        "many": form == "choice_list",
        "boolean": form == "boolean",
        "long": form == "string_list",
        "max_length": field.max_length or 2000,
    }


def _body(form: FormData, offer: Offer) -> dict[str, Any]:
    """The form as the JSON of a registration; empty inputs are not sent."""
    scopes = [str(scope) for scope in form.getlist("scopes")]
    body: dict[str, Any] = {"scope": " ".join([CLIENT_ADMIN, *scopes]), "contacts": str(form.get("contacts") or "").split()}
    for name in ("client_name", "client_uri"):
        if value := str(form.get(name) or "").strip():
            body[name] = value
    for field in offer.catalogue.fields.values():
        if field.field_name is not None and (values := [str(value) for value in form.getlist(field.field_name) if str(value).strip()]):
            body[field.field_name] = _typed(field, values)
    return body


def _typed(field: RegistrationField, values: list[str]) -> Any:
    match (field.format or "").removesuffix("_or_null"):
        case "boolean":
            return values[0] == "true"
        case "choice_list":
            return values
        case "string_list":
            return [line.strip() for line in values[0].splitlines() if line.strip()]
        case _:
            return values[0].strip()
