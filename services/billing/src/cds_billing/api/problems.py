"""The one table from a refusal of this service to its answer; a test checks that every `DomainError` is in it."""

from cds_billing.domain.errors import BillFileNotFound, UsageSummaryNotFound
from cds_common.errors import DomainError
from cds_common.problems import ProblemType

PROBLEMS: dict[type[DomainError], ProblemType] = {
    BillFileNotFound: ProblemType(404, "bill-file-not-found", "Bill file not found"),
    UsageSummaryNotFound: ProblemType(404, "usage-summary-not-found", "Usage summary not found"),
}
