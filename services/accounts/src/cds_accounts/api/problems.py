"""The one table from a refusal of this service to its answer; a test checks that every `DomainError` is in it."""

from cds_accounts.domain.errors import RetailCustomerNotFound
from cds_common.errors import DomainError
from cds_common.problems import ProblemType

PROBLEMS: dict[type[DomainError], ProblemType] = {
    RetailCustomerNotFound: ProblemType(404, "retail-customer-not-found", "Retail customer or resource not found"),
}
