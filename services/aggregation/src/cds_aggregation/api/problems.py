"""The one table from a refusal of this service to its answer; a test checks that every `DomainError` is in it."""

from cds_aggregation.domain.errors import RegionNotFound
from cds_common.errors import DomainError
from cds_common.problems import ProblemType

PROBLEMS: dict[type[DomainError], ProblemType] = {RegionNotFound: ProblemType(404, "region-not-found", "Map not found")}
