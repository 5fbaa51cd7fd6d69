"""What a request would open, in the customer's words (CDS-WG3-01 §9.2.2.1): one line per kind of data, details on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cds_auth.domain.phrases import Phrases
from cds_auth.domain.usage_words import UsageKind, usage_line, usage_topics


@dataclass(frozen=True, slots=True)
class Detail:
    """One kind of value with an example of it; the example is never real data."""

    label: str
    example: str


@dataclass(frozen=True, slots=True)
class DataCategory:
    """A line of the summary, such as `Your list of services (service numbers, rate plan)`, and what it stands for."""

    summary: str
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class OpenedScope:
    """What one scope of a Request Section opens: its type and every include_ field that counts as true."""

    scope_type: str
    flags: frozenset[str]
    programs: tuple[str, ...] = ()
    """Names of the programs that a program scope asks about; empty = any."""
    usage_kinds: tuple[UsageKind, ...] = ()


CATEGORIES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "usage": ("include_usage_segments", ()),
        "bills": (
            "include_bill_statements",
            ("include_bill_statement_files", "include_bill_statement_charges", "include_bill_statement_programs"),
        ),
        "bill_details": ("include_bill_sections", ("include_bill_section_line_items", "include_bill_section_programs")),
        "accounts": ("include_accounts", ("include_account_numbers", "include_account_details", "include_account_programs")),
        "services": (
            "include_service_contracts",
            ("include_contract_numbers", "include_service_contract_details", "include_rate_plans", "include_service_programs"),
        ),
        "places": ("include_service_points", ("include_premises", "include_service_point_addresses", "include_coordinates")),
        "meters": ("include_meter_devices", ("include_meter_numbers", "include_meter_apps")),
        "groups": ("include_aggregations", ("include_aggregation_addresses",)),
        "certificates": ("include_eacs", ()),
    }
)
_PROGRAM_SCOPES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "cds_account_programs": ("account_programs", "accounts", "include_account_programs"),
        "cds_service_programs": ("service_programs", "services", "include_service_programs"),
    }
)
MOST_KINDS = 4
"""More kinds of usage than these are summed up by what they measure; each still has its line in the details."""
CONSENT_SCOPE = "cds_aggregation_consent"


def opened_categories(flags: frozenset[str]) -> frozenset[str]:
    """Kinds of objects that these effective flags open."""
    return frozenset(category for category, (flag, _) in CATEGORIES.items() if flag in flags)


def describe_data(scopes: Sequence[OpenedScope], phrases: Phrases) -> tuple[DataCategory, ...]:
    """The lines of one Request Section, categories joined over its scopes. Nothing that stays closed is named, all that opens is."""
    lines = [line for scope in scopes for line in _own_lines(scope, phrases)]
    flags = frozenset().union(*(_shown_flags(scope) for scope in scopes))
    opened = opened_categories(flags)
    usage_kinds = tuple(dict.fromkeys(kind for scope in scopes for kind in scope.usage_kinds))
    lines.extend(_category(category, flags, opened, usage_kinds, phrases) for category in CATEGORIES if category in opened)
    return tuple(lines)


def _shown_flags(scope: OpenedScope) -> frozenset[str]:
    if scope.scope_type == CONSENT_SCOPE:
        return frozenset()
    return scope.flags


def _own_lines(scope: OpenedScope, phrases: Phrases) -> list[DataCategory]:
    if scope.scope_type == CONSENT_SCOPE:
        detail = Detail(phrases("data.combined.base"), phrases("data.combined.base.example"))
        return [DataCategory(phrases("data.combined"), (detail,))]
    if scope.scope_type not in _PROGRAM_SCOPES:
        return []
    key = _PROGRAM_SCOPES[scope.scope_type][0]
    programs = phrases.join(scope.programs) if scope.programs else phrases("data.any_program")
    detail = Detail(phrases(f"data.{key}.base"), phrases(f"data.{key}.base.example"))
    return [DataCategory(phrases(f"data.{key}", programs=programs), (detail,))]


def _category(
    category: str, flags: frozenset[str], opened: frozenset[str], usage_kinds: tuple[UsageKind, ...], phrases: Phrases
) -> DataCategory:
    details = [Detail(phrases(f"data.{category}.base"), phrases(f"data.{category}.base.example"))]
    short: list[str] = []
    for flag in CATEGORIES[category][1]:
        if flag in flags:
            short.append(phrases(f"data.{flag}.short"))
            details.append(Detail(phrases(f"data.{flag}"), phrases(f"data.{flag}.example")))
    if category == "services" and "include_account_numbers" in flags and "accounts" not in opened:
        # A contract carries its account's number under this flag, also when no account is opened (§7.2.1.1).
        short.insert(0, phrases("data.services.account_number.short"))
        details.insert(1, Detail(phrases("data.services.account_number"), phrases("data.services.account_number.example")))
    if category == "usage":
        lines = [usage_line(kind, phrases) for kind in usage_kinds]
        details.extend(Detail(line.label, line.example) for line in lines)
        few = len(lines) <= MOST_KINDS
        short += [line.label[:1].lower() + line.label[1:] for line in lines] if few else usage_topics(usage_kinds, phrases)
    summary = phrases(f"data.{category}")
    if short:
        summary = f"{summary} ({phrases.join(tuple(dict.fromkeys(short)))})"
    return DataCategory(summary, tuple(details))
