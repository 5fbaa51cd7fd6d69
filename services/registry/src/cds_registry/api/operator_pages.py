"""`/operator`: the console. It does what the operator API does, with pages."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import HTTPException, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cds_common import exact_json
from cds_common.events.clients import DirectPermission
from cds_common.paging import Paging
from cds_common.wire import cds_router
from cds_registry.api.body_sizes import LARGE, SMALL
from cds_registry.api.dependencies import Now, OfferOf, SettingsOf, StoreOf, Tools, Tx
from cds_registry.api.forms import written
from cds_registry.api.operator_clients import AUDIT, CLIENTS, FILES, audit_document, operated_client, operated_file
from cds_registry.api.operator_requests import REQUESTS, requests_page
from cds_registry.api.operator_session import ConsoleOf
from cds_registry.api.upload import new_file
from cds_registry.application.answer_request import Approval, approve_request, ask_client, reject_request
from cds_registry.application.documents import message_document
from cds_registry.application.operate_clients import disable_client, enable_client
from cds_registry.application.operators import Role
from cds_registry.application.share_file import share_file, unshare_file
from cds_registry.domain.errors import ClientNotFound
from cds_registry.domain.message import REVIEWED_BY_OPERATOR, MessageType
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.audit import first_break
from cds_registry.persistence.clients import find_client, to_client
from cds_registry.persistence.messages import find_any_message, to_message
from cds_registry.persistence.operator_views import (
    AuditFilter,
    admin_clients,
    all_clients,
    all_files,
    all_messages,
    audit_entries,
    waiting_counts,
)

_Day = Annotated[date | None, BeforeValidator(lambda value: value or None)]


class AuditSearch(BaseModel):
    """The form above the log; days are of UTC, both included."""

    subject: str = Field(default="", max_length=200)
    actor: str = Field(default="", max_length=200)
    action: str = Field(default="", max_length=100)
    registration_id: str = Field(default="", max_length=100)
    after: _Day = None
    before: _Day = None
    verify: bool = False

    def filter(self) -> AuditFilter:
        """As the log is asked; an empty input bounds nothing."""
        after, before = (datetime.combine(day, time(), UTC) if day else None for day in (self.after, self.before))
        until = before + timedelta(days=1) if before else None
        return AuditFilter(self.actor or None, self.action or None, self.registration_id or None, self.subject or None, after, until)


router = cds_router(prefix="/operator", include_in_schema=False, max_body_size=SMALL)


@router.get("")
async def requests(
    console: ConsoleOf, tx: Tx, paging: Paging, offer: OfferOf, kind: Annotated[str, Query(alias="type", max_length=50)] = ""
) -> HTMLResponse:
    """What waits."""
    page = await requests_page(tx, paging, offer, console.operator.name, kind=kind or None)
    counts = await waiting_counts(tx)
    total = sum(count for _, count in counts)
    return console.render("operator/requests.html", here="/operator", kind=kind, counts=counts, total=total, **page)


@router.get("/messages")
async def messages(
    console: ConsoleOf, tx: Tx, paging: Paging, offer: OfferOf, registration_id: Annotated[str, Query(max_length=100)] = "",
    unanswered: bool = False,
) -> HTMLResponse:  # fmt: skip
    """Messages of all registrations, or of one."""
    query = all_messages(registration_id=registration_id or None, unanswered=unanswered)
    page = await REQUESTS.page(tx, query, paging, identity=console.operator.name)
    shown = [message_document(to_message(row, ()), offer) for row in page.scalars()]
    return console.render(
        "operator/messages.html", here="/operator/messages", messages=shown, registration_id=registration_id, unanswered=unanswered,
        next=page.next, previous=page.previous,
    )  # fmt: skip


@router.get("/messages/{message_id}")
async def message(message_id: str, console: ConsoleOf, tx: Tx, offer: OfferOf) -> HTMLResponse:
    """One Message with what can be done about it."""
    found = await find_any_message(tx, message_id)
    admin = (await admin_clients(tx, [found.registration_id]))[found.registration_id]
    about = await find_client(tx, found.about_client) if found.about_client else None
    document = message_document(found, offer)
    settleable = found.type in REVIEWED_BY_OPERATOR and found.is_outstanding and console.operator.role >= Role.reviewer
    return console.render(
        "operator/message.html",
        message=document,
        registration_id=found.registration_id,
        client_name=to_client(admin).name,
        about_client=found.about_client,
        previous_id=found.previous_id,
        settleable=settleable,
        needs_permission=found.type is MessageType.PRODUCTION_REQUEST and about is not None and about.kind is ScopeKind.DIRECT,
        updates=_pretty(document.get("updates_requested")),
        grants=_pretty(document.get("grants_requested")),
    )


@router.get("/messages/{message_id}/attachments/{position}")
async def attachment(message_id: str, position: int, _console: ConsoleOf, tx: Tx) -> Response:
    """A file of a Message; always as a download, since a client chose its type."""
    found = await find_any_message(tx, message_id)
    if not 0 <= position < len(found.attachments):
        raise HTTPException(404)
    headers = {"Content-Disposition": f'attachment; filename="attachment-{position}"', "Cache-Control": "no-store"}
    return Response(found.attachments[position].content, media_type="application/octet-stream", headers=headers)


@router.post("/messages/{message_id}/approve")
async def approve(message_id: str, request: Request, console: ConsoleOf, tx: Tx, tools: Tools, now: Now) -> Response:
    """Approve a request."""
    form = await request.form(max_files=0, max_fields=20)
    console.check(form)
    console.operator.require(Role.reviewer)
    given = Approval(note=written(form, "note").strip(), permission=_permission(form))
    await approve_request(tx, message_id=message_id, approval=given, tools=tools, operator=console.operator.name, now=now)
    return RedirectResponse(f"/operator/messages/{message_id}", 303)


@router.post("/messages/{message_id}/reject")
async def reject(message_id: str, request: Request, console: ConsoleOf, tx: Tx, now: Now) -> Response:
    """Reject a request with a reason."""
    form = await request.form(max_files=0, max_fields=20)
    console.check(form)
    console.operator.require(Role.reviewer)
    reason = written(form, "reason")
    await reject_request(tx, message_id=message_id, reason=reason, operator=console.operator.name, now=now)
    return RedirectResponse(f"/operator/messages/{message_id}", 303)


@router.post("/messages/{message_id}/reply")
async def reply(message_id: str, request: Request, console: ConsoleOf, tx: Tx, now: Now) -> Response:
    """Ask about a Message or answer it."""
    form = await request.form(max_files=0, max_fields=20)
    console.check(form)
    console.operator.require(Role.reviewer)
    text = written(form, "text")
    await ask_client(tx, message_id=message_id, name="", description=text, operator=console.operator.name, now=now)
    return RedirectResponse(f"/operator/messages/{message_id}", 303)


@router.get("/clients")
async def clients(
    console: ConsoleOf,
    tx: Tx,
    paging: Paging,
    offer: OfferOf,
    q: Annotated[str, Query(max_length=200)] = "",
    status: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[str, Query(max_length=50)] = "",
    registration_id: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Client Objects."""
    query = all_clients(registration_id=registration_id or None, status=status or None, kind=kind or None, search=q or None)
    page = await CLIENTS.page(tx, query, paging, identity=console.operator.name)
    shown = [operated_client(to_client(row), offer) for row in page.scalars()]
    wanted = {"q": q, "status": status, "kind": kind, "registration_id": registration_id}
    return console.render(
        "operator/clients.html", here="/operator/clients", clients=shown, wanted=wanted, kinds=[each.value for each in ScopeKind],
        next=page.next, previous=page.previous,
    )  # fmt: skip


@router.get("/clients/{client_id}")
async def client(client_id: str, console: ConsoleOf, tx: Tx, offer: OfferOf) -> HTMLResponse:
    """One Client Object."""
    found = await find_client(tx, client_id)
    if found is None:
        raise ClientNotFound(f"There is no Client Object {client_id}")
    shown = operated_client(found, offer)
    may_disable = console.operator.role >= Role.admin
    return console.render("operator/client.html", each=shown, may_disable=may_disable, permission=_pretty(shown["permission"]))


@router.post("/clients/{client_id}/disable")
async def disable(client_id: str, request: Request, console: ConsoleOf, tx: Tx, tools: Tools, now: Now) -> Response:
    """Put a Client Object out of use."""
    form = await request.form(max_files=0, max_fields=20)
    console.check(form)
    console.operator.require(Role.admin)
    reason = written(form, "reason")
    await disable_client(tx, client_id=client_id, reason=reason, tools=tools, operator=console.operator.name, now=now)
    return RedirectResponse(f"/operator/clients/{client_id}", 303)


@router.post("/clients/{client_id}/enable")
async def enable(client_id: str, request: Request, console: ConsoleOf, tx: Tx, tools: Tools, now: Now) -> Response:
    """Let a Client Object work again."""
    console.check(await request.form(max_files=0, max_fields=20))
    console.operator.require(Role.admin)
    await enable_client(tx, client_id=client_id, tools=tools, operator=console.operator.name, now=now)
    return RedirectResponse(f"/operator/clients/{client_id}", 303)


@router.get("/files")
async def files(console: ConsoleOf, tx: Tx, paging: Paging) -> HTMLResponse:
    """Shared files."""
    page = await FILES.page(tx, all_files(), paging, identity=console.operator.name)
    shown = [operated_file(row) for row in page.scalars()]
    return console.render("operator/files.html", here="/operator/files", files=shown, next=page.next, previous=page.previous)


@router.post("/files", max_body_size=LARGE)
async def share(request: Request, console: ConsoleOf, tx: Tx, tools: Tools, store: StoreOf, settings: SettingsOf, now: Now) -> Response:
    """Share a file with a registration."""
    form = await request.form(max_files=1, max_fields=20)
    console.check(form)
    console.operator.require(Role.reviewer)
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise HTTPException(400, "A file is needed")
    file = new_file(
        await upload.read(), upload.filename or "", upload.content_type, written(form, "description", 2000), settings.max_file_bytes
    )
    await share_file(
        tx, file, registration_id=written(form, "registration_id", 100), scope=None, store=store, auth=tools.auth, offer=tools.offer,
        operator=console.operator.name, now=now,
    )  # fmt: skip
    return RedirectResponse("/operator/files", 303)


@router.post("/files/{file_id}/unshare")
async def unshare(file_id: str, request: Request, console: ConsoleOf, tx: Tx, tools: Tools, now: Now) -> Response:
    """Stop sharing a file."""
    console.check(await request.form(max_files=0, max_fields=20))
    console.operator.require(Role.reviewer)
    await unshare_file(tx, file_id=file_id, auth=tools.auth, operator=console.operator.name, now=now)
    return RedirectResponse("/operator/files", 303)


@router.get("/audit")
async def audit(console: ConsoleOf, tx: Tx, paging: Paging, wanted: Annotated[AuditSearch, Query()]) -> HTMLResponse:
    """The audit log."""
    page = await AUDIT.page(tx, audit_entries(wanted.filter()), paging, identity=console.operator.name)
    entries = [{**audit_document(row), "shown": row.detail if row.detail != "{}" else ""} for row in page.scalars()]
    may_verify = console.operator.role >= Role.admin
    broken = await first_break(tx) if wanted.verify and may_verify else None
    return console.render(
        "operator/audit.html", here="/operator/audit", entries=entries, wanted=wanted, may_verify=may_verify, first_break=broken,
        sound=broken is None if wanted.verify and may_verify else None, next=page.next, previous=page.previous,
    )  # fmt: skip


def _permission(form: FormData) -> DirectPermission | None:
    """What the form permits a direct access Client; None when nothing was filled in."""
    lines = {
        name: [line.strip() for line in written(form, name).splitlines() if line.strip()]
        for name in ("account_refs", "aggregation_numbers")
    }
    everything = form.get("everything") == "1"
    return DirectPermission.model_validate({"everything": everything, **lines}) if everything or any(lines.values()) else None


def _pretty(value: Any) -> str:
    return json.dumps(exact_json.decode(exact_json.encode(value)), indent=2, ensure_ascii=False, default=str)
