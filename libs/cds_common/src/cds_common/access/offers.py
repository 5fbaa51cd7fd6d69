"""What a Server offers for one scope, as rules read it: made from the utility's file, or from wire objects in tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cds_common.access.catalogue import FIELDS, Format


@dataclass(frozen=True, slots=True)
class OfferedChoice:
    """One choice (CDS-WG1-02 §3.10); `value_format` is its usagesegment_format (CDS-WG3-01 §5.2)."""

    id: str
    name: str = ""
    description: str = ""
    value_format: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OfferedField:
    """One Authorization Details Field (CDS-WG1-02 §3.8). `has_default` tells a default of null from none."""

    id: str
    format: Format
    is_required: bool = False
    has_default: bool = True
    default: Any = None
    maximum: int | str | None = None
    minimum: int | str | None = None
    choices: tuple[OfferedChoice, ...] = ()
    name: str = ""
    description: str = ""

    @property
    def looks_back(self) -> bool:
        """Whether relative values count backwards (CDS-WG3-01 §7.3)."""
        return self.id in FIELDS and FIELDS[self.id].looks_back

    @property
    def choice_ids(self) -> frozenset[str]:
        """Ids of all choices."""
        return frozenset(choice.id for choice in self.choices)

    def same_rules(self, other: "OfferedField") -> bool:
        """Whether both check a value alike (CDS-WG3-01 §7.4.2; `for_types` and words differ by nature)."""
        return self.rules() == other.rules()

    def rules(self) -> tuple[Any, ...]:
        """All that drives the check of a value."""
        return (self.format, self.is_required, self.has_default, self.default, self.maximum, self.minimum, self.choice_ids)

    @classmethod
    def of_wire(cls, field_id: str, wire: Mapping[str, Any]) -> Self:
        """From a wire object; choices may be objects or bare ids."""
        choices = tuple(OfferedChoice(each) if isinstance(each, str) else OfferedChoice(each["id"]) for each in wire.get("choices", ()))
        return cls(
            field_id,
            wire["format"],
            wire.get("is_required", False),
            "default" in wire,
            wire.get("default"),
            wire.get("maximum"),
            wire.get("minimum"),
            choices,
        )


@dataclass(frozen=True, slots=True)
class OfferedScope:
    """One scope that can be requested, with all its fields by id, in the order in which they are published."""

    id: str
    type: str
    fields: Mapping[str, OfferedField] = field(default_factory=dict[str, OfferedField])
    name: str = ""
    description: str = ""
    registration_requirements: tuple[str, ...] = ()
    registration_optional: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    token_endpoint_auth_methods: tuple[str, ...] = ()
    code_challenge_methods: tuple[str, ...] = ()
    coverages: tuple[str, ...] = ()
    grant_admin_scope: str | None = None
    starts_at_last_bill: bool = False
    """`statement_date_start` is the server's to set: the date of the customer's last bill, whatever a request says (CDS-WG3-01 §4.7)."""

    @property
    def details_types(self) -> tuple[str, ...]:
        """authorization_details_types_supported: the scope's id where it takes details at all (reading 1)."""
        return (self.id,) if self.fields else ()
