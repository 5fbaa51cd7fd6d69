"""The whole of the utility's file as one frozen object."""

import hashlib
import hmac
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, field_validator

from cds_common.access.catalogue import Format
from cds_common.utility.formats import ValueFormat
from cds_common.utility.parts import (
    AuthorizationForm,
    Brand,
    Coverage,
    DefaultPurpose,
    EacFormat,
    Entity,
    Id,
    InviteCode,
    Line,
    MeterApp,
    Part,
    PrivacyRule,
    Program,
    Prose,
    RegistrationField,
    ScopeId,
    Settings,
    Support,
    TestAccount,
    ValueTypeDescription,
    WebAddress,
)

__all__ = ["FieldOffer", "InviteCode", "ProgramCatalogue", "ScopeOffer", "Utility", "ValueFormat"]


class FieldOffer(Part):
    """How a scope's field differs from the default of the tables; a key that is left out differs in nothing."""

    format: Format | None = None
    is_required: bool | None = None
    default: Any = None
    maximum: int | str | None = None
    minimum: int | str | None = None
    choices: list[str] | None = None
    """Ids out of the choices that the utility has; None = all."""


class ScopeOffer(Part):
    """A scope that the utility offers: its type and what differs from the defaults of that type."""

    type: Id
    id: ScopeId
    name: Line | None = None
    description: Line | None = None
    text: Prose | None = None
    """More for its documentation page."""
    coverages: list[Id] = Field(default_factory=list[str])
    registration_requirements: list[Id] = Field(default_factory=list[str])
    registration_optional: list[Id] = Field(default_factory=list[str])
    grant_admin_scope: ScopeId | None = None
    fields: dict[str, FieldOffer] = Field(default_factory=dict[str, FieldOffer])
    """By field id; a field that the type does not offer by default is added by naming it here."""
    without: list[str] = Field(default_factory=list[str])
    """Fields that are left out although they are offered by default; required ones can not be."""
    start_at_last_bill: bool = False
    """cds_bill_statements only: a Grant begins at the customer's last bill, whatever was asked (CDS-WG3-01 §4.7)."""


class ProgramCatalogue(Part):
    """Programs and meter applications that may be shared."""

    account: list[Program] = Field(default_factory=list[Program])
    service: list[Program] = Field(default_factory=list[Program])
    meter_apps: list[MeterApp] = Field(default_factory=list[MeterApp])


class Utility(Part):
    """Everything that a utility declares about itself and its offer."""

    name: Line
    description: Line
    website: WebAddress
    related_metadata: list[WebAddress] = Field(default_factory=list[WebAddress], max_length=100)
    """Other server metadata objects of the same organisation, which this one links (CDS-WG1-01 §3.3)."""
    created: AwareDatetime
    """When the server first went live."""
    updated: AwareDatetime
    """Last change of this file; shown as `updated` of the metadata."""
    support: Support
    documentation: Prose
    policy: Prose
    terms: Prose
    """For Clients."""
    customer_terms: Prose | None = None
    """Data sharing terms that a customer accepts with every approval; None = approvals accept none (CDS-WG3-01 §9.2.1.5, §9.4)."""
    authorization_form: AuthorizationForm = AuthorizationForm()
    brand: Brand
    cds_timezone: str
    coverage: list[Coverage] = Field(min_length=1)
    entities: list[Entity] = Field(min_length=1)
    test_accounts: list[TestAccount] = Field(default_factory=list[TestAccount])
    registration_fields: list[RegistrationField] = Field(default_factory=list[RegistrationField])
    invite_codes: list[InviteCode] = Field(default_factory=list[InviteCode])
    purposes: list[DefaultPurpose] = Field(default_factory=list[DefaultPurpose])
    default_purpose: Id | None = None
    value_formats: list[ValueFormat] = Field(min_length=1)
    additional_value_types: list[ValueTypeDescription] = Field(default_factory=list[ValueTypeDescription])
    eac_formats: list[EacFormat] = Field(default_factory=list[EacFormat])
    programs: ProgramCatalogue = ProgramCatalogue()
    privacy: list[PrivacyRule] = Field(min_length=1)
    settings: Settings
    scopes: list[ScopeOffer] = Field(min_length=1)

    @field_validator("cds_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a name of the IANA time zone database") from error
        return name

    @cached_property
    def tz(self) -> ZoneInfo:
        """The calendar of relative dates."""
        return ZoneInfo(self.cds_timezone)

    def value_format(self, format_id: str) -> ValueFormat:
        """The format with this id. KeyError when there is none."""
        return {each.id: each for each in self.value_formats}[format_id]

    def invite(self, code: str) -> InviteCode | None:
        """The invite code that was sent, or None; takes as long for a wrong code as for a right one."""
        digest = hashlib.sha256(code.encode()).hexdigest()
        found = None
        for each in self.invite_codes:
            known = each.code_sha256 or hashlib.sha256((each.code or "").encode()).hexdigest()
            if hmac.compare_digest(digest, known):
                found = each
        return found

    def privacy_rule(self, aggregation_types: list[str]) -> PrivacyRule:
        """The threshold for an Aggregation: the strictest rule that names one of its types, else the general one."""
        named = [rule for rule in self.privacy if set(rule.aggregation_types) & set(aggregation_types)]
        rules = named or [rule for rule in self.privacy if not rule.aggregation_types]
        return max(rules, key=lambda rule: (rule.min_customers, -rule.max_share))
