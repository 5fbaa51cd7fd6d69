"""What every integration event carries; a contract is this envelope plus its own body."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from cds_common.ids import Environment

Ref = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A utility's own stable key of an object."""

Text = Annotated[str, StringConstraints(max_length=2000)]
ShortText = Annotated[str, StringConstraints(max_length=500)]


class Contract(BaseModel):
    """Base of every published shape: frozen, and tolerant of members that a newer publisher added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class IntegrationEvent(Contract):
    """A published fact. `event_type` is also a Kafka header; `key()` decides the order (one order per key)."""

    topic: ClassVar[str]
    event_type: str
    event_id: UUID = Field(default_factory=uuid4)
    occurred_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str | None = None

    def key(self) -> str:
        """Kafka key: the id of the aggregate that the fact belongs to."""
        raise NotImplementedError(type(self).__name__)

    @classmethod
    def type_name(cls) -> str:
        """The wire value of `event_type`, for filters and AsyncAPI."""
        default: Any = cls.model_fields["event_type"].default
        return str(default)


class InEnvironment(Contract):
    """Sandbox and production never mix: every fact about customer data says where it lives."""

    environment: Environment
