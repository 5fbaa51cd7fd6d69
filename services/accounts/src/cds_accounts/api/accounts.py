"""`/cds/v1/accounts` (CDS-WG3-01 §10.1.10)."""

from typing import Annotated

from cds_accounts.api.dependencies import CurrentAccess, Now, Paging, SearchTerm, Tx, known_ids
from cds_accounts.api.schemas import AccountList, documented
from cds_accounts.application.list_objects import ACCOUNTS, list_objects, shows_every_program
from cds_accounts.persistence.conditions import Condition, contains, one_of
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list

router = cds_router()

NUMBERS, DETAILS, PROGRAMS = "include_account_numbers", "include_account_details", "include_account_programs"

SEARCHED = (
    ("object_id", None),
    ("customer_number", NUMBERS),
    ("account_number", NUMBERS),
    ("account_address", DETAILS),
    ("account_name", DETAILS),
    ("contact_values", DETAILS),
    ("program_numbers", PROGRAMS),
)


@router.get("/cds/v1/accounts", responses=documented(AccountList) | problems(400, 401, 403, 429, 503))
async def list_accounts(
    access: CurrentAccess,
    tx: Tx,
    now: Now,
    paging: Paging,
    *,
    q: SearchTerm,
    cds_account_ids: Annotated[list[str] | None, id_list("cds_account_ids")],
    customer_numbers: Annotated[list[str] | None, id_list("customer_numbers")],
    account_numbers: Annotated[list[str] | None, id_list("account_numbers")],
    account_statuses: Annotated[list[str] | None, id_list("account_statuses")],
) -> CdsJSONResponse:
    """Accounts that the access token sees, newest change first."""
    conditions: list[Condition] = []
    if cds_account_ids is not None:
        conditions.append(one_of("cds_account_ids", "object_id", known_ids(cds_account_ids)))
    if customer_numbers is not None:
        conditions.append(one_of("customer_numbers", "customer_number", customer_numbers, NUMBERS))
    if account_numbers is not None:
        conditions.append(one_of("account_numbers", "account_number", account_numbers, NUMBERS))
    if account_statuses is not None:
        conditions.append(one_of("account_statuses", "account_status", account_statuses, DETAILS))
    if q is not None:
        # A program that is not shown must not be found either.
        fields = SEARCHED if shows_every_program(access, "account_programs") else SEARCHED[:-1]
        conditions.append(contains(q, fields))
    return CdsJSONResponse(await list_objects(tx, ACCOUNTS, access, conditions, paging, now=now))
