"""The parts of the utility's file that groups work with."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cds_aggregation.domain.rules import Rule, Rules
from cds_common.access.durations import parse_duration, shift
from cds_common.utility import Utility, load_utility


def read_rules(path: Path | None) -> Rules:
    """Privacy thresholds, time zone and the scope by which usage is asked for.

    Raises:
        ValueError: no file is named.
        UtilityError: the file has faults.
    """
    if path is None:
        raise ValueError("CDS_AGGREGATION_UTILITY_CONFIG names the utility's file")
    return UtilityRules(load_utility(path))


@dataclass(frozen=True)
class UtilityRules:
    """`Rules` as the utility's file has them."""

    utility: Utility

    @property
    def timezone(self) -> str:
        """Name of `cds_timezone`."""
        return self.utility.cds_timezone

    @property
    def usage_scope(self) -> str | None:
        """The id of the offered scope of type cds_query_usage; None when usage can not be asked for."""
        return next((scope.id for scope in self.utility.scopes if scope.type == "cds_query_usage"), None)

    def rule(self, aggregation_types: list[str]) -> Rule:
        """The threshold for an Aggregation of these types."""
        found = self.utility.privacy_rule(aggregation_types)
        return Rule(found.min_customers, found.max_share, found.window)

    def window_start(self, rule: Rule, now: datetime) -> datetime:
        """The first moment of the window that ends at `now`, by the utility's calendar."""
        return shift(now, parse_duration(rule.window), -1, self.utility.tz)
