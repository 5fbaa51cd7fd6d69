"""Parts that several `utility.*` messages share: entities, contacts, programs, amounts, fields of the utility's own."""

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import AwareDatetime, Field, HttpUrl, StrictBool, StrictInt, StringConstraints, field_validator, model_validator

from cds_common.events import vocabulary as v
from cds_common.events.envelope import Contract, InEnvironment, IntegrationEvent, ShortText, Text

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[Decimal, Field(max_digits=40, decimal_places=20)]
AmountOrText = Annotated[Amount | ShortText, Field(union_mode="left_to_right")]
"""A number where the text is one: decimals travel as strings."""


class UtilityEvent(IntegrationEvent, InEnvironment):
    """A fact of the utility."""

    source_time: AwareDatetime


class ExactNumber(Contract):
    """A number of an additional field: decimals travel as strings, and a text must stay a text."""

    number: Amount


AdditionalName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,39}_[a-z0-9_]{1,100}$")]
"""The utility's own prefix, an underscore, and a name."""
AdditionalValue = StrictBool | StrictInt | ShortText | ExactNumber | list[ShortText]


class Extensible(Contract):
    """An object to which a utility may add fields of its own (CDS-WG3-01 §10.1.8 and others); a defined field is never reused."""

    wire_only: ClassVar[frozenset[str]] = frozenset()
    """Defined fields of the object that the contract calls otherwise."""
    additional_fields: dict[AdditionalName, AdditionalValue] = Field(default_factory=dict, max_length=20)

    @field_validator("additional_fields")
    @classmethod
    def _own_names(cls, fields: dict[str, AdditionalValue]) -> dict[str, AdditionalValue]:
        taken = fields.keys() & (set(cls.model_fields) | cls.wire_only) | {name for name in fields if name.startswith("cds_")}
        if taken:
            raise ValueError(f"{min(taken)} is a field of the specification")
        return fields

    def additional(self) -> dict[str, object]:
        """The additional fields as they stand in the object, numbers exact."""
        return {name: value.number if isinstance(value, ExactNumber) else value for name, value in self.additional_fields.items()}


_ROLES: dict[str, v.EntityType] = {"iou": "distributor", "muni": "distributor", "cca": "supplier", "retailer": "supplier"}


class Entity(Contract):
    """CDS-WG3-01 §10.1.4; `entity_number` is the one of the coverage entries (CDS-WG1-01 §4).

    A kind of utility brings the role that it has by its definition (§10.1.5): iou and muni distribute, cca and retailer supply.
    """

    entity_number: ShortText
    types: list[v.EntityType] = Field(min_length=1, max_length=10)
    entity_name: ShortText
    entity_abbreviation: ShortText | None = None

    @field_validator("types")
    @classmethod
    def _with_roles(cls, types: list[v.EntityType]) -> list[v.EntityType]:
        return list(dict.fromkeys([*types, *(_ROLES[one] for one in types if one in _ROLES)]))


class Contact(Contract):
    """CDS-WG3-01 §10.1.6."""

    types: list[v.AccountContactType] = Field(min_length=1, max_length=8)
    value: ShortText

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        if len({"phone_number", "email"} & set(self.types)) != 1:
            raise ValueError("types holds exactly one of phone_number and email")
        return self


class Program(Extensible):
    """An account or service program with the customer's part in it (CDS-WG3-01 §10.1.8, §10.2.5).

    `pnode` to `automated` belong to service programs of type demand_response (§10.2.6), the balance to credit banks.
    """

    program_number: ShortText
    types: list[v.AccountProgramType | v.ServiceProgramType] = Field(min_length=1, max_length=13)
    name: ShortText
    description: Text
    documentation: HttpUrl
    more_info: HttpUrl | None = None
    signup: HttpUrl | None = None
    settings: HttpUrl | None = None
    discontinue: HttpUrl | None = None
    participation_number: ShortText | None = None
    start: date | None = None
    end: date | None = None
    balance: Amount | None = None
    units: v.Unit | None = None
    currency: Currency | None = None
    pnode: ShortText | None = None
    anode: ShortText | None = None
    aggregated: bool | None = None
    automated: bool | None = None
