"""The one table from a refusal of this service to its answer; a test checks that every `DomainError` is in it."""

from cds_common.errors import DomainError
from cds_common.problems import ProblemType
from cds_usage.domain.errors import EacNotFound, SubscriptionNotFound

PROBLEMS: dict[type[DomainError], ProblemType] = {
    EacNotFound: ProblemType(404, "eac-not-found", "Certificate not found"),
    SubscriptionNotFound: ProblemType(404, "subscription-not-found", "Subscription or resource not found"),
}
