"""`/operator/keys`: the keys that access tokens are signed with."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cds_common.wire import cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Now, Tools, Tx
from cds_registry.api.forms import written
from cds_registry.api.operator_clients import audit_document
from cds_registry.api.operator_session import ConsoleOf
from cds_registry.application.operators import Role
from cds_registry.application.rotate_keys import rotate_signing_key
from cds_registry.persistence.operator_views import AuditFilter, audit_entries
from cds_registry.persistence.tables import AuditRow

router = cds_router(prefix="/operator/keys", include_in_schema=False, max_body_size=SMALL)

_SHOWN = 20


@router.get("")
async def keys(console: ConsoleOf, tx: Tx) -> HTMLResponse:
    """What rotation does, the last ones, and the button."""
    query = audit_entries(AuditFilter(action="signing_key.rotated")).order_by(AuditRow.position.desc()).limit(_SHOWN)
    rotated = [audit_document(row) for row in await tx.scalars(query)]
    return console.render("operator/keys.html", here="/operator/keys", rotated=rotated, may_rotate=console.operator.role >= Role.admin)


@router.post("")
async def rotate(request: Request, console: ConsoleOf, tx: Tx, tools: Tools, now: Now) -> Response:
    """Make a new signing key."""
    form = await request.form(max_files=0, max_fields=10)
    console.check(form)
    console.operator.require(Role.admin)
    at_once = form.get("at_once") == "1"
    note = written(form, "note", 500)
    await rotate_signing_key(tx, at_once=at_once, note=note, auth=tools.auth, operator=console.operator.name, now=now)
    return RedirectResponse("/operator/keys", 303)
