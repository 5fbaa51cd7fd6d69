"""The customer's own software: connect it, see it, disconnect it (CDS-WG3-01 §4.1)."""

from typing import Annotated, cast

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.adapters.registry import Registry
from cds_auth.api.dependencies import Now, Tx
from cds_auth.api.pages.frame import PageRoute, phrases_of, render, see_other, sentence
from cds_auth.api.pages.parts import Browser, Context, own_form
from cds_auth.application.own_clients import connect_own_client, disconnect_own_client, get_login_step, list_own_clients
from cds_auth.domain.plain_text import safe_line

router = APIRouter(prefix="/my", route_class=PageRoute, include_in_schema=False)

StepId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{10,64}$")]


@router.get("/connect/{message_id}")
async def ask(request: Request, message_id: StepId, browser: Browser) -> Response:
    """Ask the customer who has logged in; opening it decides nothing."""
    if browser is None or browser.customer_id is None:
        return see_other(f"/login?to=/my/connect/{message_id}")
    step = await get_login_step(_registry(request), message_id)
    t = phrases_of(request)
    name = safe_line(step.client_name)
    return render(
        request,
        "connect.html",
        session=browser,
        environment=browser.environment,
        title=sentence(t, "connect.title", client=name),
        lead=sentence(t, "connect.text", client=name),
        action=f"/my/connect/{message_id}",
    )


@router.post("/connect/{message_id}", dependencies=[own_form])
async def connect(request: Request, message_id: StepId, tx: Tx, now: Now, browser: Browser) -> Response:
    """The customer said yes."""
    if browser is None or browser.customer_id is None or browser.environment is None:
        return see_other(f"/login?to=/my/connect/{message_id}")
    await connect_own_client(tx, _registry(request), message_id, customer_id=browser.customer_id, environment=browser.environment, now=now)
    return see_other("/my/clients")


@router.get("/clients")
async def show(request: Request, tx: Tx, browser: Browser, context: Context) -> Response:
    """What the customer connected."""
    if browser is None or browser.customer_id is None:
        return see_other("/login?to=/my/clients")
    t = phrases_of(request)
    found = await list_own_clients(tx, browser.customer_id)
    return render(
        request,
        "own_clients.html",
        session=browser,
        environment=browser.environment,
        clients=[
            {"name": each.name, "since": t.time(each.since, context.rules.tz), "action": f"/my/clients/{each.message_id}/disconnect"}
            for each in found
        ],
    )


@router.post("/clients/{message_id}/disconnect", dependencies=[own_form])
async def disconnect(request: Request, message_id: StepId, tx: Tx, now: Now, browser: Browser) -> Response:
    """From here on the client sees nothing of this customer."""
    if browser is None or browser.customer_id is None:
        return see_other("/login?to=/my/clients")
    await disconnect_own_client(tx, _registry(request), message_id, customer_id=browser.customer_id, now=now)
    return see_other("/my/clients")


def _registry(request: Request) -> Registry:
    return cast("Registry", request.state.registry)
