"""`/operator/registrations`: one company with its Client Objects, Messages and files, and what can be sent to it."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cds_common.paging import Paging
from cds_common.wire import cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Now, OfferOf, Tx
from cds_registry.api.forms import written
from cds_registry.api.operator_clients import operated_client, operated_file, registrations_page
from cds_registry.api.operator_session import Console, ConsoleOf
from cds_registry.application.answer_request import request_from_client
from cds_registry.application.documents import message_document, moment
from cds_registry.application.notify_all import write_to
from cds_registry.application.offer import Offer
from cds_registry.application.operators import Role
from cds_registry.domain.errors import ClientNotFound
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.clients import find_registration, to_client
from cds_registry.persistence.messages import to_message
from cds_registry.persistence.operator_views import all_clients, all_files, all_messages
from cds_registry.persistence.tables import ClientRow, MessageRow, SharedFileRow

router = cds_router(prefix="/operator/registrations", include_in_schema=False, max_body_size=SMALL)

_SHOWN = 50
"""Of each list on the page of a registration; the newest ones."""


@router.get("")
async def registrations(console: ConsoleOf, tx: Tx, paging: Paging) -> HTMLResponse:
    """All registrations."""
    page = await registrations_page(tx, paging, console.operator.name)
    return console.render("operator/registrations.html", here="/operator/registrations", **page)


@router.get("/{registration_id}")
async def registration(registration_id: str, console: ConsoleOf, tx: Tx, offer: OfferOf) -> HTMLResponse:
    """One registration."""
    return console.render("operator/registration.html", **await _facts(tx, registration_id, offer))


@router.post("/{registration_id}/messages")
async def write(registration_id: str, request: Request, console: ConsoleOf, tx: Tx, now: Now) -> Response:
    """Write to a registration."""
    form = await request.form(max_files=0, max_fields=20)
    _may_write(console, form)
    message = await write_to(
        tx, registration_id=registration_id, name=written(form, "name", 500), description=written(form, "description"),
        operator=console.operator.name, now=now,
    )  # fmt: skip
    return RedirectResponse(f"/operator/messages/{message.message_id}", 303)


@router.post("/{registration_id}/requests")
async def ask(registration_id: str, request: Request, console: ConsoleOf, tx: Tx, offer: OfferOf, now: Now) -> Response:
    """Ask a registration for documents or answers: one field for each line."""
    form = await request.form(max_files=0, max_fields=20)
    _may_write(console, form)
    asked = [line.strip()[:500] for line in written(form, "fields").splitlines() if line.strip()][:50]
    message = await request_from_client(
        tx, registration_id=registration_id, name=written(form, "name", 500), description=written(form, "description"),
        fields=[{"name": line, "description": line} for line in asked], more_info=f"{offer.public_url}/docs/support",
        operator=console.operator.name, now=now,
    )  # fmt: skip
    return RedirectResponse(f"/operator/messages/{message.message_id}", 303)


def _may_write(console: Console, form: Any) -> None:
    console.check(form)
    console.operator.require(Role.reviewer)


async def _facts(tx: AsyncSession, registration_id: str, offer: Offer) -> dict[str, Any]:
    row = await find_registration(tx, registration_id)
    if row is None:
        raise ClientNotFound(f"There is no registration {registration_id}")
    clients = all_clients(registration_id=registration_id).order_by(ClientRow.modified.desc()).limit(_SHOWN)
    messages = all_messages(registration_id=registration_id).order_by(MessageRow.modified.desc()).limit(_SHOWN)
    files = all_files(registration_id=registration_id).order_by(SharedFileRow.created.desc()).limit(_SHOWN)
    objects = [operated_client(to_client(each), offer) for each in await tx.scalars(clients)]
    return {
        "registration_id": registration_id,
        "created": moment(row.created),
        "scopes": row.scopes,
        "fields": row.fields,
        "clients": objects,
        "company": next((each["client"] for each in objects if each["kind"] == ScopeKind.CLIENT_ADMIN.value), objects[0]["client"]),
        "takes_files": any(each["kind"] == ScopeKind.FILES.value and each["client"]["cds_status"] != "disabled" for each in objects),
        "messages": [message_document(to_message(each, ()), offer) for each in await tx.scalars(messages)],
        "files": [operated_file(each) for each in await tx.scalars(files)],
    }
