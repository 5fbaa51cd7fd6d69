"""The pieces of the utility's file: identity, territory, registration steps, purposes, value formats, programs, thresholds."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from cds_common.access.durations import parse_duration
from cds_common.events import vocabulary as v
from cds_common.events.clients import DirectPermission
from cds_common.ids import Environment

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")]
ScopeId = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\r\n]+$")]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]{3,2000}$")]
AssetPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_./-]{0,199}$")]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _no_climb(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError("the path must stay inside the configuration folder")
    return path


def _duration(text: Any) -> Any:
    """A length of time as `2s`, `15m`, `12h` or `30d`."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a length of time like 2s, 15m, 12h or 30d is expected")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match.group(2)]
    return timedelta(**{unit: int(match.group(1))})


def _calendar(text: str) -> str:
    parse_duration(text)
    return text


RelativePath = Annotated[AssetPath, AfterValidator(_no_climb)]
Span = Annotated[timedelta, BeforeValidator(_duration)]
CalendarSpan = Annotated[str, AfterValidator(_calendar)]


class Part(BaseModel):
    """Base: frozen, no type is converted, no unknown key is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Brand(Part):
    """Looks of all pages; colours meet WCAG contrast against white by the operator's choice."""

    logo: RelativePath
    logo_alt: Line
    primary: Colour
    primary_dark: Colour
    accent: Colour


class Support(Part):
    """Where people get help; shown on the support page, the form and receipts."""

    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320)]
    phone: Line | None = None
    hours: Line | None = None
    text: Prose


Translated = Annotated[dict[str, Prose], Field(min_length=1, max_length=50)]
"""A text by language code; a language without one gets the first."""


class Disclosure(Part):
    """What the law or the utility's rules make customers read before they authorize (CDS-WG3-01 §9.2.1.5)."""

    id: Id
    text: Translated
    scopes: list[ScopeId] = Field(default_factory=list[str])
    """Shown with requests for one of these; empty = with every request."""
    customers: Literal["any", "residential", "business"] = "any"
    """Left out for customers who are certainly of the other kind."""
    must_agree: bool = False
    """Whether a box must be ticked."""


class AuthorizationForm(Part):
    """What the authorization form holds only because this utility has to ask for it; nothing by default."""

    disclosures: list[Disclosure] = Field(default_factory=list[Disclosure], max_length=20)
    typed_name: bool = False
    """The regulator wants customers to type their name (§9.2.1.6)."""
    contact_uses: Translated | None = None
    """What the law makes the utility use an e-mail address for that a customer enters on the form (§9.2.1.5)."""


class Coverage(Part):
    """A Coverage Entry (CDS-WG1-01 §4.3)."""

    id: Id
    created: AwareDatetime
    updated: AwareDatetime
    entity_name: Line
    entity_abbreviation: Line | None = None
    entity_number: Line | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    name: Line
    description: Line | None = None
    type: Literal["geographic", "logical"]
    role: Literal["authoritative", "official", "aggregator"]
    infrastructure_types: list[
        Literal[
            "distribution_utility", "metering_provider", "supplier", "generator", "market_operator",
            "distribution_service_operator", "transmission_service_operator", "service_provider",
        ]
    ]  # fmt: skip
    commodity_types: list[
        Literal["electricity", "natural_gas", "fuel_oil", "water", "wastewater", "trash", "distributed_energy"]
    ]  # fmt: skip
    geojson: RelativePath | None = None
    """File beside the configuration; published as geojson_resource."""

    @model_validator(mode="after")
    def _map_of_an_area(self) -> "Coverage":
        if self.type == "geographic" and self.geojson is None:
            raise ValueError("a geographic coverage needs geojson (CDS-WG1-01 §4.3)")
        if self.updated < self.created:
            raise ValueError("updated lies before created")
        return self


class Entity(Part):
    """An Entity of the utility (CDS-WG3-01 §10.1.4)."""

    entity_number: Line
    types: list[v.EntityType] = Field(min_length=1)
    entity_name: Line
    entity_abbreviation: Line | None = None


class TestAccount(Part):
    """A sandbox login whose password is published on purpose (CDS-WG1-02 §3.2 cds_test_accounts)."""

    __test__ = False
    login_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{2,100}$")]
    password: Annotated[str, StringConstraints(min_length=8, max_length=200)]
    customer_ref: Line
    shows: Line
    """What a developer can try with it."""


class Choice(Part):
    """A choice of a registration field (CDS-WG1-02 §3.10)."""

    id: Id
    name: Line
    description: Line


TextFormat = Literal["string", "string_or_null", "url", "url_or_null", "email", "email_or_null"]
FileFormat = Literal["image", "image_or_null", "pdf", "pdf_or_null"]
ChoiceFormat = Literal["choice", "choice_or_null", "choice_list", "choice_list_or_null"]
PlainFormat = Literal["string_list", "string_list_or_null", "boolean", "boolean_or_null", "purposes", "purposes_or_null"]


class RegistrationField(Part):
    """A registration field or step (CDS-WG1-02 §3.5, CDS-WG3-01 §5.1)."""

    id: Id
    type: Literal[
        "registration_field", "internal_review", "payment_required", "email_verification", "sso_verification", "pdf_form", "online_form"
    ]  # fmt: skip
    description: Line
    text: Prose
    """What its documentation page tells: process, fees, forms."""
    field_name: Annotated[str, StringConstraints(pattern=r"^cds_[a-z0-9_]{1,100}$")] | None = None
    format: TextFormat | FileFormat | ChoiceFormat | PlainFormat | None = None
    default: Any = None
    max_length: Annotated[int, Field(ge=1, le=100_000)] | None = None
    max_size: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    amount: Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=6)] | None = None
    currency: Currency | None = None
    choices: list[Choice] | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> "RegistrationField":
        is_field, is_payment = self.type == "registration_field", self.type == "payment_required"
        if is_field != (self.field_name is not None and self.format is not None):
            raise ValueError("field_name and format stand with type registration_field, and only there")
        if is_payment != (self.amount is not None and self.currency is not None):
            raise ValueError("amount and currency stand with type payment_required, and only there")
        self._fits_its_format()
        return self

    def _fits_its_format(self) -> None:
        name = self.format or ""
        limits = ((self.max_length, ("string", "url", "email")), (self.max_size, ("image", "pdf")), (self.choices, ("choice",)))
        for value, formats in limits:
            if value is not None and (not name.startswith(formats) or name.startswith("string_list")):
                raise ValueError("max_length, max_size and choices stand only with the formats that they limit")
        if name.startswith("choice") and (self.choices is None or (not self.choices and "null" not in name)):
            raise ValueError("a choice format needs choices")


class InviteCode(Part):
    """A code that opens direct access: what it unlocks, and what the Client may see by it. `code_sha256` keeps it out of the file."""

    code: Annotated[str, StringConstraints(min_length=8, max_length=200)] | None = None
    code_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    note: Line
    environment: Environment = "production"
    """Where the opened Client Objects work; one of the sandbox sees all of it, whatever `permission` says."""
    scopes: list[ScopeId] = Field(min_length=1)
    permission: DirectPermission

    @model_validator(mode="before")
    @classmethod
    def _permission_keys(cls, raw: Any) -> Any:
        permission = raw.get("permission") if isinstance(raw, dict) else None
        unknown = set(permission) - set(DirectPermission.model_fields) if isinstance(permission, dict) else set[str]()
        if unknown:
            raise ValueError(f"permission has no {min(unknown)}")
        return raw

    @model_validator(mode="after")
    def _one_code(self) -> "InviteCode":
        if (self.code is None) == (self.code_sha256 is None):
            raise ValueError("exactly one of code and code_sha256 is expected")
        return self


class DefaultPurpose(Part):
    """A Purpose of the Server that every Client with a consent scope gets (CDS-WG3-01 §7.4.4, §8.3)."""

    id: Id
    name: Line
    content: Prose
    related_uri: WebAddress | None = None
    related_name: Line | None = None


class Program(Part):
    """An Account or Service Program that may be shared (CDS-WG3-01 §10.1.8, §10.2.5)."""

    program_number: Line
    name: Line
    description: Line


class MeterApp(Part):
    """A meter application that may be shared (CDS-WG3-01 §10.4.3)."""

    app_number: Line
    name: Line
    description: Line


class EacFormat(Part):
    """A data format of Energy Attribute Certificates (CDS-WG3-01 §10.9.3)."""

    id: Id
    name: Line
    description: Line


class ValueTypeDescription(Part):
    """A value type beyond those of the specification (CDS-WG3-01 §10.8.6); its documentation page is made of this."""

    type: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+_[a-z0-9_]{1,100}$")]
    """Begins with the utility's own prefix and an underscore."""
    name: Line
    description: Line
    text: Prose
    """The definition of its Value Format and Value Object, as the specification writes its own."""
    occurs: Prose | None = None
    """When it stands in Usage Segments."""
    example_format: dict[str, Any] | None = None
    example_values: list[list[dict[str, Any] | None]] = Field(default_factory=list[list[dict[str, Any] | None]])
    """Value Sets as they may follow such a format."""

    @model_validator(mode="after")
    def _a_type_of_its_own(self) -> "ValueTypeDescription":
        if self.type in get_args(v.ValueType) or self.type.startswith("cds_"):
            raise ValueError("the type is one of the specification's own")
        if self.example_format is not None and self.example_format.get("type") != self.type:
            raise ValueError("the example is of another type")
        return self


class PrivacyRule(Part):
    """When an Aggregation may be shown without consents: at least `min_customers`, none above `max_share` in `window`."""

    aggregation_types: list[v.AggregationType] = Field(default_factory=list[v.AggregationType])
    """Applies to Aggregations with any of these types; empty = to all others."""
    min_customers: Annotated[int, Field(ge=1, le=1_000_000)]
    max_share: Annotated[Decimal, Field(gt=0, le=1, max_digits=6)]
    """Largest part of the sum that one customer may have, 0 to 1."""
    window: CalendarSpan
    """How far back from now the share is measured (RFC 3339 duration)."""


class Settings(Part):
    """Policy that belongs to the utility rather than to a process."""

    token_wait: Span
    """How long a token answer for a code waits for the Grant to become active."""
    pending_eta: Span
    invite_attempts_per_hour: Annotated[int, Field(ge=1, le=1000)] = 20
