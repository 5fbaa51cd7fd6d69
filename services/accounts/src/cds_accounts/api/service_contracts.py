"""`/cds/v1/service-contracts` (CDS-WG3-01 §10.2.7)."""

from typing import Annotated

from cds_accounts.api.dependencies import CurrentAccess, Now, Paging, SearchTerm, Tx, known_ids
from cds_accounts.api.schemas import ServiceContractList, documented
from cds_accounts.application.list_objects import SERVICE_CONTRACTS, list_objects, shows_every_program
from cds_accounts.persistence.conditions import Condition, any_of, contains, one_of
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list

router = cds_router()

ACCOUNT_NUMBERS, CONTRACT_NUMBERS = "include_account_numbers", "include_contract_numbers"

SEARCHED = (
    ("object_id", None),
    ("account_number", ACCOUNT_NUMBERS),
    ("contract_number", CONTRACT_NUMBERS),
    ("contract_address", "include_service_contract_details"),
    ("rateplan_code", "include_rate_plans"),
    ("rateplan_name", "include_rate_plans"),
    ("program_numbers", "include_service_programs"),
)


@router.get("/cds/v1/service-contracts", responses=documented(ServiceContractList) | problems(400, 401, 403, 429, 503))
async def list_service_contracts(
    access: CurrentAccess,
    tx: Tx,
    now: Now,
    paging: Paging,
    *,
    q: SearchTerm,
    cds_servicecontract_ids: Annotated[list[str] | None, id_list("cds_servicecontract_ids")],
    account_numbers: Annotated[list[str] | None, id_list("account_numbers")],
    contract_numbers: Annotated[list[str] | None, id_list("contract_numbers")],
    contract_statuses: Annotated[list[str] | None, id_list("contract_statuses")],
    contract_types: Annotated[list[str] | None, id_list("contract_types")],
    service_types: Annotated[list[str] | None, id_list("service_types")],
) -> CdsJSONResponse:
    """Service Contracts that the access token sees, newest change first."""
    conditions: list[Condition] = []
    if cds_servicecontract_ids is not None:
        conditions.append(one_of("cds_servicecontract_ids", "object_id", known_ids(cds_servicecontract_ids)))
    if account_numbers is not None:
        conditions.append(one_of("account_numbers", "account_number", account_numbers, ACCOUNT_NUMBERS))
    if contract_numbers is not None:
        conditions.append(one_of("contract_numbers", "contract_number", contract_numbers, CONTRACT_NUMBERS))
    if contract_statuses is not None:
        conditions.append(one_of("contract_statuses", "contract_status", contract_statuses))
    if contract_types is not None:
        conditions.append(any_of("contract_types", "contract_types", contract_types))
    if service_types is not None:
        conditions.append(any_of("service_types", "service_types", service_types))
    if q is not None:
        # A program that is not shown must not be found either.
        fields = SEARCHED if shows_every_program(access, "service_programs") else SEARCHED[:-1]
        conditions.append(contains(q, fields))
    return CdsJSONResponse(await list_objects(tx, SERVICE_CONTRACTS, access, conditions, paging, now=now))
