"""The operator API: ends and pauses Grants, makes logins, changes keys. For the utility's own people and tools."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.requests import Request

from cds_auth.api.dependencies import Keys, Now, Rules, SettingsOf, Tx
from cds_auth.api.schemas import GrantOut
from cds_auth.application.customer_logins import create_login
from cds_auth.application.grants_of_customer import get_grant
from cds_auth.application.operator_acts import Act, OperatorOrder, act_on_grant
from cds_auth.application.operator_keys import find_operator
from cds_auth.application.rate_limit import AuthenticationLimits
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.operators import Operator, Operators
from cds_common.ids import Environment
from cds_common.oauth_errors import InvalidToken
from cds_common.problems import problems
from cds_common.tokens import bearer_value
from cds_common.wire import CdsDateTime, CdsModel, cds_router

router = cds_router(prefix="/auth-operator/api/v1", tags=["operator"])


async def _operator(request: Request, tx: Tx, now: Now) -> Operator:
    """The holder of a working operator key; guessing is slowed down per address."""
    limits: AuthenticationLimits = request.state.operator_limits
    address = request.client.host if request.client else "unknown"
    limits.check("operator", address)
    operator = await find_operator(tx, bearer_value(request), now)
    if operator is None:
        limits.failed("operator", address)
        raise InvalidToken("The operator key is not valid")
    return operator


ByOperator = Annotated[Operator, Depends(_operator)]
"""The guard of every endpoint of the operator API."""


class GrantActIn(CdsModel):
    """Why; for `withhold` which scopes, for `supersede` by which Grant."""

    note: str = Field(default="", max_length=500)
    scopes: list[str] = Field(default_factory=list, max_length=50)
    by: str | None = Field(default=None, max_length=200)


class LoginIn(CdsModel):
    """A login for the customer with this number; without a password one is made."""

    environment: Environment
    customer_number: str = Field(min_length=1, max_length=200)
    login_name: str = Field(min_length=1, max_length=200)
    password: str | None = Field(default=None, max_length=200, repr=False)


class LoginOut(CdsModel):
    """The login; the password is shown this once, and only when it was made here."""

    login_name: str
    password: str | None


class RotateIn(CdsModel):
    """`at_once`: the old key is compromised, its tokens die now."""

    at_once: bool = False
    note: str = Field(default="", max_length=500)


class RotateOut(CdsModel):
    """The new key's id."""

    kid: str


class ActOut(CdsModel):
    """A recorded act."""

    id: int
    at: CdsDateTime
    operator: str
    action: str
    target: str
    note: str


class ActsOut(CdsModel):
    """Recorded acts, newest first; `first_broken_link` names an act whose record was changed."""

    acts: list[ActOut]
    first_broken_link: int | None


@router.get("/grants/{grant_id}", response_model=GrantOut, responses=problems(401, 404))
async def read_grant(grant_id: str, operator: ByOperator, tx: Tx, settings: SettingsOf) -> GrantOut:  # noqa: ARG001  # the parameter is the guard
    """A Grant of any registration."""
    grant = await get_grant(tx, grant_id)
    return GrantOut.of(grant, (await Grants(tx).child_ids([grant_id])).get(grant_id, []), settings.public_url)


@router.post("/grants/{grant_id}/{act}", response_model=GrantOut, responses=problems(400, 401, 404, 409))
async def act(
    grant_id: str, act: Act, order: GrantActIn, operator: ByOperator, tx: Tx, rules: Rules, settings: SettingsOf, now: Now
) -> GrantOut:
    """Do `act` to a Grant: disable (for good), suspend, resume, delayed, stopped, errored, clear, withhold, supersede, record-consent."""
    wanted = OperatorOrder(act, order.note, frozenset(order.scopes), order.by)
    grant = await act_on_grant(tx, operator, grant_id, wanted, rules=rules, now=now)
    return GrantOut.of(grant, (await Grants(tx).child_ids([grant_id])).get(grant_id, []), settings.public_url)


@router.post("/logins", status_code=201, response_model=LoginOut, responses=problems(400, 401, 404, 409))
async def make_login(login: LoginIn, operator: ByOperator, tx: Tx, now: Now) -> LoginOut:
    """Give a customer a login."""
    made = await create_login(
        tx,
        environment=login.environment,
        customer_number=login.customer_number,
        login_name=login.login_name,
        password=login.password,
        now=now,
    )
    await Operators(tx).record(operator.name, "login.create", f"{login.environment}/{login.login_name}", "", now)
    return LoginOut(login_name=made.login_name, password=None if login.password else made.password)


@router.post("/keys/rotate", response_model=RotateOut, responses=problems(400, 401))
async def rotate_keys(order: RotateIn, operator: ByOperator, tx: Tx, keys: Keys, now: Now) -> RotateOut:
    """Make a new signing key."""
    kid = await keys.rotate(tx, now, at_once=order.at_once)
    await Operators(tx).record(operator.name, "signing_key.rotate", kid, order.note, now)
    return RotateOut(kid=kid)


@router.get("/audit", response_model=ActsOut, responses=problems(400, 401))
async def audit(
    operator: ByOperator,  # noqa: ARG001  # the parameter is the guard
    tx: Tx,
    target: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ActsOut:
    """What operators did, and whether the record is whole."""
    acts = await Operators(tx).list_acts(target, limit)
    return ActsOut(acts=[ActOut.model_validate(one) for one in acts], first_broken_link=await Operators(tx).first_broken_link())
