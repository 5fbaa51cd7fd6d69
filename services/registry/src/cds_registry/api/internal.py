"""`/internal/...`: what other services read here at once; never routed from outside (design §3)."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.responses import Response

from cds_common.ids import Environment
from cds_common.internal import internal_caller
from cds_common.problems import problems
from cds_common.wire import CdsModel, cds_router
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Now, OfferOf, Tools, Tx
from cds_registry.application.connect_customer import connect_customer, disconnect_customer, find_login_step
from cds_registry.application.publish_client import client_snapshot
from cds_registry.domain.errors import ClientNotFound
from cds_registry.persistence.clients import find_client
from cds_registry.persistence.credentials import credentials_of

router = cds_router(prefix="/internal", include_in_schema=False, max_body_size=SMALL)

Caller = Annotated[str, Depends(internal_caller("auth"))]


class LoginStepOut(CdsModel):
    """Who asks a customer to log in."""

    registration_id: str
    client_name: str
    client_uri: str | None


class LoginStepIn(CdsModel):
    """The customer who logged in."""

    customer_id: UUID
    environment: Environment


@router.get("/steps/{message_id}", response_model=LoginStepOut, responses=problems(401, 404))
async def read_login_step(message_id: str, _caller: Caller, tx: Tx, offer: OfferOf) -> LoginStepOut:
    """A sign-on verification (CDS-WG1-02 §3.6)."""
    step = await find_login_step(tx, message_id, offer.catalogue)
    return LoginStepOut(registration_id=step.registration_id, client_name=step.client_name, client_uri=step.client_uri)


@router.put("/steps/{message_id}/customer", status_code=204, responses=problems(400, 401, 404))
async def connect(message_id: str, body: LoginStepIn, _caller: Caller, tx: Tx, tools: Tools, now: Now) -> Response:
    """A customer logged in and wants the registration to see what is theirs. Safe to repeat."""
    await connect_customer(tx, message_id=message_id, customer_id=body.customer_id, environment=body.environment, tools=tools, now=now)
    return Response(status_code=204)


@router.delete("/steps/{message_id}/customers/{customer_id}", status_code=204, responses=problems(401, 404))
async def disconnect(message_id: str, customer_id: UUID, _caller: Caller, tx: Tx, tools: Tools, now: Now) -> Response:
    """The customer takes it back. Safe to repeat."""
    await disconnect_customer(tx, message_id=message_id, customer_id=customer_id, tools=tools, now=now)
    return Response(status_code=204)


@router.get("/clients/{client_id}", responses=problems(401, 404))
async def read_client(client_id: str, _caller: Caller, tx: Tx, offer: OfferOf) -> Response:
    """The snapshot of a Client Object as `cds.clients` has it."""
    client = await find_client(tx, client_id)
    if client is None:
        raise ClientNotFound("There is no such Client Object")
    credentials = (await credentials_of(tx, [client_id]))[client_id]
    snapshot = client_snapshot(client, credentials, offer)
    return Response(snapshot.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"})
