"""The scope types of CDS-WG3-01 §6 and CDS-WG1-02 §3.3 as a table: which fields each must, may and must not offer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cds_common.access.fields import PRESELECTION_FIELDS

ScopeKind = Literal["consent", "direct", "client_admin", "grant_admin", "files"]
SelectionType = Literal[
    "account_selection", "service_contract_selection", "servicepoint_selection", "meter_device_selection", "aggregation_selection"
]  # fmt: skip

CLIENT_ADMIN = "cds_client_admin"
GRANT_ADMIN = "cds_grant_admin"
SERVER_PROVIDED_FILES = "cds_server_provided_files"
AGGREGATION_CONSENT = "cds_aggregation_consent"

_FORM = "authorization_form_selection_type merge_selection_with error_if_no_preselections allow_scope_modifications jwk"
_NO_DATA = frozenset({"include_bill_statements", "include_bill_sections", "include_usage_segments"})
NOT_ON_DIRECT = frozenset(
    {"addresses", "merge_selection_with", "purpose", "allow_scope_modifications", "authorization_form_selection_type"}
)
"""§7.1.13, §7.4.1, §7.4.2, §7.4.4, §7.4.5: without an authorization form these fields have no meaning."""


@dataclass(frozen=True, slots=True)
class ScopeType:
    """What §6 fixes for a scope type.

    `required` must be offered; `available` must be offered where the Server has the data; `suggested` come from the scenarios
    of §4 and our own advice; `forbidden` must not be offered. `implied` flags count as true whatever a request says.
    `selections`: the first one is the default. `never`: values that a request may not end up with.
    """

    type: str
    section: str
    kind: ScopeKind
    name: str
    description: str
    required: tuple[str, ...] = ()
    available: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()
    forbidden: frozenset[str] = frozenset()
    implied: frozenset[str] = frozenset()
    selections: tuple[SelectionType, ...] = ()
    required_selections: tuple[SelectionType, ...] = ()
    kept_preselections: frozenset[str] = frozenset()
    never: Mapping[str, Any] = field(default_factory=dict[str, Any])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def offered_by_default(self) -> tuple[str, ...]:
        """Field ids that the scope offers when the utility's file says nothing."""
        return (*self.required, *self.available, *self.suggested)


def _consent(  # one row of the table below
    scope_type: str, section: str, name: str, description: str, *, selections: tuple[SelectionType, ...], required: str,
    available: str = "", suggested: str = "", implied: str = "", forbidden: frozenset[str] = _NO_DATA,
    must: tuple[SelectionType, ...] = (), kept: str = "", never: Mapping[str, Any] | None = None,
) -> ScopeType:  # fmt: skip
    return ScopeType(
        scope_type, section, "consent", name, description, tuple(f"{required} {_FORM}".split()), tuple(available.split()),
        (*suggested.split(), "purpose"), forbidden, frozenset(implied.split()), selections, must or selections[:1],
        frozenset(kept.split()), never or {}, dict.fromkeys(implied.split(), True),
    )  # fmt: skip


def _direct(scope_type: str, section: str, name: str, description: str, *, required: str, suggested: str, implied: str) -> ScopeType:
    return ScopeType(
        scope_type, section, "direct", name, description, tuple(required.split()), (), (*suggested.split(), "jwk"), NOT_ON_DIRECT,
        frozenset(implied.split()), kept_preselections=frozenset(PRESELECTION_FIELDS),
        defaults=dict.fromkeys((flag for flag in implied.split() if flag != "include_usage_segment_value_types"), True),
    )  # fmt: skip


_CONTRACT_LIST: tuple[SelectionType, ...] = ("service_contract_selection",)
_ACCOUNT_LIST: tuple[SelectionType, ...] = ("account_selection",)

_CONSENT = (
    _consent(
        "cds_rate_plan", "6.1.1", "Rate plan", "The rate plans of the services that the customer picks.",
        selections=_CONTRACT_LIST, required="contract_numbers service_types include_contract_numbers sync_until",
        available=(
            "account_numbers meter_numbers addresses include_accounts include_account_numbers include_meter_devices include_meter_numbers"
        ),
        suggested="include_service_contract_details", implied="include_service_contracts include_rate_plans",
    ),
    _consent(
        "cds_account_programs", "6.1.2", "Account programs", "Which account programs apply to the accounts that the customer picks.",
        selections=_ACCOUNT_LIST, required="account_numbers account_programs include_account_numbers sync_until", available="addresses",
        suggested=(
            "meter_numbers include_accounts include_service_contracts include_contract_numbers include_rate_plans "
            "include_service_contract_details include_meter_devices include_meter_numbers"
        ),
        implied="include_accounts include_account_programs", kept="account_programs", never={"account_programs": None},
    ),
    _consent(
        "cds_service_programs", "6.1.3", "Service programs", "Which service programs apply to the services that the customer picks.",
        selections=_CONTRACT_LIST, required="contract_numbers service_programs service_types include_contract_numbers sync_until",
        available=(
            "account_numbers meter_numbers addresses include_accounts include_account_numbers include_rate_plans "
            "include_meter_devices include_meter_numbers"
        ),
        suggested="include_service_contracts include_service_contract_details",
        implied="include_service_contracts include_service_programs", kept="service_programs", never={"service_programs": None},
    ),
    _consent(
        "cds_accounts", "6.1.4", "Accounts", "The accounts that the customer picks.",
        selections=_ACCOUNT_LIST, required="account_numbers include_account_numbers sync_until",
        available="addresses include_account_details include_account_programs include_aggregations", implied="include_accounts",
    ),
    _consent(
        "cds_service_contracts", "6.1.5", "Services", "The services that the customer picks, with their accounts.",
        selections=("service_contract_selection", "account_selection"), must=_CONTRACT_LIST,
        required="contract_numbers service_types include_contract_numbers sync_until",
        available=(
            "account_numbers meter_numbers addresses include_account_numbers include_account_details include_account_programs "
            "include_rate_plans include_service_contract_details include_service_programs include_meter_devices "
            "include_meter_numbers include_meter_apps include_aggregations"
        ),
        suggested="include_service_points include_premises include_service_point_addresses include_coordinates",
        implied="include_accounts include_service_contracts",
    ),
    _consent(
        "cds_meters", "6.1.6", "Meters", "The meters that the customer picks, directly or by service, account or service point.",
        selections=("meter_device_selection", "service_contract_selection", "account_selection", "servicepoint_selection"),
        must=("meter_device_selection",), required="meter_numbers meter_types include_meter_numbers sync_until",
        available=(
            "account_numbers contract_numbers service_types servicepoint_numbers servicepoint_types premise_numbers addresses "
            "include_accounts include_account_numbers include_account_details include_account_programs include_service_contracts "
            "include_contract_numbers include_rate_plans include_service_contract_details include_service_programs "
            "include_service_points include_premises include_service_point_addresses include_coordinates include_meter_apps "
            "include_aggregations"
        ),
        suggested="meter_apps", implied="include_meter_devices",
    ),
    _consent(
        "cds_bill_statements", "6.1.7", "Bills", "The bills of the accounts that the customer picks.",
        selections=_ACCOUNT_LIST, required="account_numbers statement_date_start statement_date_end",
        available=(
            "contract_numbers meter_numbers addresses include_bill_statement_files include_bill_statement_charges "
            "include_bill_statement_programs"
        ),
        implied="include_bill_statements include_accounts include_account_numbers", forbidden=frozenset({"include_usage_segments"}),
    ),
    _consent(
        "cds_service_bills", "6.1.8", "Service charges", "The charges for the services or accounts that the customer picks.",
        selections=("service_contract_selection", "account_selection"), must=("service_contract_selection", "account_selection"),
        required="contract_numbers service_types start_date end_date",
        available=(
            "account_numbers meter_numbers addresses include_service_points include_meter_devices include_meter_numbers "
            "include_bill_statements include_bill_statement_files include_bill_statement_charges include_bill_statement_programs "
            "include_bill_section_line_items include_bill_section_programs include_aggregations statement_date_start "
            "statement_date_end"
        ),
        implied="include_bill_sections include_accounts include_account_numbers include_service_contracts include_contract_numbers",
        forbidden=frozenset({"include_usage_segments"}),
    ),
    _consent(
        "cds_usage", "6.1.9", "Usage", "The usage of what the customer picks.",
        selections=(
            "service_contract_selection", "account_selection", "servicepoint_selection", "meter_device_selection",
            "aggregation_selection",
        ),
        must=_CONTRACT_LIST,
        required="include_meter_devices include_meter_numbers include_usage_segment_value_types segment_start segment_end",
        available=(
            "account_numbers contract_numbers service_types servicepoint_numbers servicepoint_types premise_numbers meter_numbers "
            "meter_types aggregation_numbers addresses include_accounts include_account_numbers include_service_contracts "
            "include_contract_numbers include_service_points include_premises include_service_point_addresses include_coordinates "
            "include_bill_sections include_bill_section_line_items include_bill_section_programs include_aggregations "
            "include_aggregation_addresses sync_until"
        ),
        implied="include_usage_segments", forbidden=frozenset(),
    ),
    ScopeType(
        AGGREGATION_CONSENT, "6.1.10", "consent", "Aggregation consent", "The customer's consent to be counted in an aggregation.",
        required=(
            "aggregation_numbers", "premise_numbers", "expires", "authorization_form_selection_type", "error_if_no_preselections",
            "allow_scope_modifications",
        ),
        selections=("aggregation_selection",), required_selections=("aggregation_selection",),
        kept_preselections=frozenset({"aggregation_numbers", "premise_numbers"}),
        never={"aggregation_numbers": None, "premise_numbers": None, "error_if_no_preselections": False, "allow_scope_modifications": True},
        defaults={"error_if_no_preselections": True, "allow_scope_modifications": False},
    ),
)  # fmt: skip

_LOOK_UP = (
    "account_numbers contract_numbers servicepoint_numbers premise_numbers meter_numbers include_accounts include_account_numbers "
    "include_account_details include_service_contracts include_contract_numbers include_rate_plans "
    "include_service_contract_details include_service_points include_premises include_service_point_addresses "
    "include_coordinates include_meter_devices include_meter_numbers include_meter_apps error_if_no_preselections"
)

_DIRECT = (
    _direct(
        "cds_query_accounts", "6.2.1", "Accounts query", "The accounts that you have been given access to.",
        required="sync_until", suggested=_LOOK_UP + " include_account_programs", implied="include_accounts",
    ),
    _direct(
        "cds_query_service_contracts", "6.2.2", "Services query", "The services, with their accounts, that you have been given access to.",
        required="sync_until", suggested=_LOOK_UP + " include_service_programs", implied="include_accounts include_service_contracts",
    ),
    _direct(
        "cds_query_service_points", "6.2.3", "Service points query", "The service points that you have been given access to.",
        required="sync_until", suggested=_LOOK_UP, implied="include_service_points",
    ),
    _direct(
        "cds_query_meter_devices", "6.2.4", "Meters query", "The meters that you have been given access to.",
        required="sync_until", suggested=_LOOK_UP, implied="include_meter_devices",
    ),
    _direct(
        "cds_query_bill_statements", "6.2.5", "Bills query", "The bills that you have been given access to.",
        required="sync_until statement_date_start statement_date_end",
        suggested=(
            "account_numbers include_accounts include_account_numbers include_bill_statement_files include_bill_statement_charges "
            "include_bill_statement_programs error_if_no_preselections"
        ),
        implied="include_bill_statements",
    ),
    _direct(
        "cds_query_bill_sections", "6.2.6", "Service charges query", "The charges for services that you have been given access to.",
        required="sync_until start_date end_date",
        suggested=(
            "account_numbers contract_numbers include_accounts include_account_numbers include_service_contracts "
            "include_contract_numbers include_service_points include_meter_devices include_bill_section_line_items "
            "include_bill_section_programs error_if_no_preselections"
        ),
        implied="include_bill_sections",
    ),
    _direct(
        "cds_query_aggregations", "6.2.7", "Aggregations query", "The aggregations that you have been given access to.",
        required="sync_until",
        suggested=(
            "servicepoint_numbers aggregation_numbers include_service_points include_premises include_service_point_addresses "
            "include_aggregation_addresses error_if_no_preselections"
        ),
        implied="include_aggregations",
    ),
    _direct(
        "cds_query_usage", "6.2.8", "Usage query", "The usage that you have been given access to.",
        required="sync_until segment_start segment_end",
        suggested=(
            "account_numbers meter_numbers aggregation_numbers include_usage_segment_value_types include_meter_devices "
            "include_meter_numbers include_bill_sections include_aggregations include_aggregation_addresses error_if_no_preselections"
        ),
        implied="include_usage_segments include_usage_segment_value_types",
    ),
)  # fmt: skip

_ADMIN = (
    ScopeType(
        CLIENT_ADMIN, "WG1-02 3.3.1", "client_admin", "Client Admin",
        "This scope grants administrative access to the Client management APIs.",
    ),
    ScopeType(
        GRANT_ADMIN, "WG1-02 3.3.2", "grant_admin", "Grant Admin",
        "This scope grants administrative access to previously created Grants.", required=("client_id", "grant_id"),
    ),
    ScopeType(
        SERVER_PROVIDED_FILES, "WG1-02 3.3.3", "files", "Server-Provided Files",
        "This scope grants access to specific files that the Server wants make available to the Client.", required=("file_id",),
    ),
)  # fmt: skip

SCOPE_TYPES: dict[str, ScopeType] = {row.type: row for row in (*_CONSENT, *_DIRECT, *_ADMIN)}

USAGE_SELECTION_FIELDS: dict[SelectionType, frozenset[str]] = {
    "account_selection": frozenset(
        {"sync_until", "account_numbers", "include_accounts", "include_account_numbers", "include_service_contracts",
         "include_contract_numbers"}
    ),
    "service_contract_selection": frozenset(
        {"sync_until", "account_numbers", "contract_numbers", "include_accounts", "include_account_numbers",
         "include_service_contracts", "include_contract_numbers"}
    ),
    "servicepoint_selection": frozenset({"sync_until", "servicepoint_numbers", "include_service_points"}),
    "meter_device_selection": frozenset({"sync_until", "meter_numbers"}),
    "aggregation_selection": frozenset({"sync_until", "aggregation_numbers", "include_aggregations"}),
}  # fmt: skip
"""§6.1.9: fields that cds_usage must offer beside each Selection it offers."""
