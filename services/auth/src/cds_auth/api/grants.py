"""The Grants API (CDS-WG1-02 §8.5-8.7)."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from cds_auth.api.dependencies import ClientAdmin, Clients, Now, Rules, SettingsOf, Tx
from cds_auth.api.schemas import GrantChangeIn, GrantListOut, GrantOut
from cds_auth.application.modify_grant import GrantChange, modify_grant
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grant_listing import GrantFilter, RegistrationGrants
from cds_common.errors import FieldFault
from cds_common.oauth_errors import NO_STORE
from cds_common.paging import Paging
from cds_common.problems import ProblemError, generic, problems
from cds_common.wire import cds_router, datetime_filter, id_list


def _no_store(response: Response) -> None:
    """Grants tell who allowed what: no cache keeps them."""
    response.headers.update(NO_STORE)


router = cds_router(prefix="/cds/v1/grants", tags=["grants"], dependencies=[Depends(_no_store)])

_MAX_STATES = 20_000


async def _states(request: Request, _documented: Annotated[str | None, Query(alias="states")] = None) -> list[str] | None:
    """Values of the `states` filter. A Client's `state` may hold spaces itself, so the whole value counts as one too."""
    given = [value for value in request.query_params.getlist("states") if value.strip()]
    if len(given) > 1 or sum(map(len, given)) > _MAX_STATES:
        raise ProblemError(generic(400), "states must be given once", faults=(FieldFault("#query/states", "must be given once"),))
    return list(dict.fromkeys([*given[0].split(" "), given[0]])) if given else None


Ids = list[str] | None
Moment = datetime | None


async def _filters(
    grant_ids: Annotated[Ids, id_list("grant_ids")],
    parents: Annotated[Ids, id_list("parents")],
    statuses: Annotated[Ids, id_list("statuses")],
    client_ids: Annotated[Ids, id_list("client_ids")],
    scopes: Annotated[Ids, id_list("scopes")],
    states: Annotated[Ids, Depends(_states)],
    receipt_confirmations: Annotated[Ids, id_list("receipt_confirmations")],
    after: Annotated[Moment, datetime_filter("after")],
    before: Annotated[Moment, datetime_filter("before")],
) -> GrantFilter:
    return GrantFilter(grant_ids, parents, statuses, client_ids, scopes, states, receipt_confirmations, after, before)


Filters = Annotated[GrantFilter, Depends(_filters)]


@router.get("", response_model=GrantListOut, responses=problems(400, 401, 403))
async def list_grants(admin: ClientAdmin, chosen: Filters, tx: Tx, paging: Paging, settings: SettingsOf) -> GrantListOut:
    """The Grants of the registration, last modified first (CDS-WG1-02 §8.5)."""
    page = await RegistrationGrants(tx, admin.registration_id).page(chosen, paging)
    found = [GrantOut.of(grant, page.children.get(grant.grant_id, []), settings.public_url) for grant in page.grants]
    return GrantListOut(grants=found, next=page.next, previous=page.previous)


@router.get("/{grant_id}", response_model=GrantOut, responses=problems(401, 403, 404))
async def get_grant(grant_id: str, admin: ClientAdmin, tx: Tx, settings: SettingsOf) -> GrantOut:
    """One Grant, whatever its status (CDS-WG1-02 §8.6)."""
    grant, children = await RegistrationGrants(tx, admin.registration_id).get(grant_id)
    return GrantOut.of(grant, children, settings.public_url)


@router.patch("/{grant_id}", response_model=GrantOut, responses=problems(400, 401, 403, 404) | {202: {"model": GrantOut}})
async def patch_grant(
    grant_id: str,
    change: GrantChangeIn,
    admin: ClientAdmin,
    tx: Tx,
    settings: SettingsOf,
    rules: Rules,
    clients: Clients,
    now: Now,
    response: Response,
) -> GrantOut:
    """Close a Grant or change what it covers (CDS-WG1-02 §8.7): 200 when done, 202 while the data services prepare the new part."""
    asked = GrantChange({name: getattr(change, name) for name in change.model_fields_set})
    grant = await modify_grant(tx, admin.registration_id, grant_id, asked, rules=rules, clients=clients, now=now)
    if asked.redraws and grant.status is GrantStatus.PENDING:
        response.status_code = 202
    _, children = await RegistrationGrants(tx, admin.registration_id).get(grant_id)
    return GrantOut.of(grant, children, settings.public_url)
