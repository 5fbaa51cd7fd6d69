"""The one list of topics; the local runner, the manifests and the documentation are made from it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Topic:
    """`compacted` topics carry whole snapshots with a version; the others keep facts for `retention`, None = for ever.

    What a store is rebuilt from is kept for ever by default: an installation that archives elsewhere may shorten it.
    """

    name: str
    owner: str
    partitions: int = 3
    compacted: bool = False
    retention: timedelta | None = None

    @property
    def dead(self) -> str:
        """Where a consumer parks a message that it cannot apply."""
        return f"{self.name}.dead"


def _state(name: str, owner: str) -> Topic:
    return Topic(name, owner, compacted=True)


TOPICS: tuple[Topic, ...] = (
    Topic("utility.customers", "utility"),
    Topic("utility.accounts", "utility"),
    Topic("utility.contracts", "utility"),
    Topic("utility.servicepoints", "utility"),
    Topic("utility.meters", "utility"),
    Topic("utility.bills", "utility"),
    Topic("utility.meter-readings", "utility", partitions=12),
    Topic("utility.aggregations", "utility"),
    Topic("utility.eacs", "utility"),
    _state("cds.clients", "registry"),
    Topic("cds.messages", "registry", retention=timedelta(days=7)),
    _state("cds.grants", "auth"),
    Topic("cds.tokens", "auth", retention=timedelta(days=7)),
    _state("cds.customers", "accounts"),
    _state("cds.resources", "accounts"),
    _state("cds.entitlements", "accounts"),
    Topic("cds.readiness", "data services", retention=timedelta(days=7)),
    Topic("cds.access", "data services", retention=timedelta(days=7)),
    Topic("cds.bills", "billing"),
    Topic("cds.usage", "usage", partitions=12),
    _state("cds.aggregations", "aggregation"),
    Topic("cds.aggregates", "aggregation"),
)
