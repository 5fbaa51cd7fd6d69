"""The 55 authorization details fields of CDS-WG3-01 §7 as a table: format, kind, words, recommended default and limits."""

from dataclasses import dataclass
from typing import Any, Literal

FieldKind = Literal["preselection", "include", "duration", "other"]
Format = Literal[
    "int", "decimal", "string", "string_or_null", "string_list", "string_list_or_null", "boolean", "relative_or_absolute_date",
    "relative_or_absolute_datetime", "choice", "choice_or_null", "choice_list", "choice_list_or_null", "jwk_or_null",
]  # fmt: skip

INFINITE = "infinite"
EVERY_CHOICE = "every choice"
"""Marker in `Field.default`: the default is the list of all choices that the scope offers."""

NUMBERS: tuple[Format, ...] = ("string_list_or_null", "choice_list_or_null")
CHOICES: tuple[Format, ...] = ("choice_list_or_null",)
BOOLEAN: tuple[Format, ...] = ("boolean",)
DATE: tuple[Format, ...] = ("relative_or_absolute_date",)
DATETIME: tuple[Format, ...] = ("relative_or_absolute_datetime",)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of §7; the first of `formats` is the one we offer unless the utility's file says otherwise.

    `looks_back`: a relative value counts backwards from the Grant, and `maximum` is the furthest back (WG1-02 §3.8).
    """

    id: str
    section: str
    kind: FieldKind
    formats: tuple[Format, ...]
    name: str
    description: str
    default: Any = None
    maximum: int | str | None = None
    minimum: int | str | None = None
    looks_back: bool = False


def _numbers(field_id: str, section: str, name: str, what: str) -> Field:
    text = f"Tick, or limit direct access to, what belongs to these {what}; null leaves the field unused."
    return Field(field_id, section, "preselection", NUMBERS, name, text, maximum=10_000, minimum=1)


def _choices(field_id: str, section: str, name: str, what: str) -> Field:
    text = f"Tick, or limit direct access to, what has any of these {what}; null leaves the field unused."
    return Field(field_id, section, "preselection", CHOICES, name, text)


def _include(field_id: str, section: str, name: str, what: str) -> Field:
    return Field(field_id, section, "include", BOOLEAN, name, f"Set to true to include {what}.", default=False)


_PRESELECTION = (
    _numbers("account_numbers", "7.1.1", "Account numbers", "account numbers"),
    _choices("account_programs", "7.1.2", "Account programs", "account programs"),
    _numbers("contract_numbers", "7.1.3", "Contract numbers", "service contract numbers"),
    _choices("service_types", "7.1.4", "Service types", "kinds of service"),
    _choices("service_programs", "7.1.5", "Service programs", "service programs"),
    _numbers("servicepoint_numbers", "7.1.6", "Service point numbers", "service point numbers"),
    _choices("servicepoint_types", "7.1.7", "Service point types", "types of service point"),
    _numbers("premise_numbers", "7.1.8", "Premise numbers", "premise numbers"),
    _numbers("meter_numbers", "7.1.9", "Meter numbers", "meter numbers"),
    _choices("meter_types", "7.1.10", "Meter types", "types of meter"),
    _choices("meter_apps", "7.1.11", "Meter apps", "meter applications"),
    _numbers("aggregation_numbers", "7.1.12", "Aggregation numbers", "aggregation numbers"),
    Field(
        "addresses", "7.1.13", "preselection", NUMBERS, "Addresses",
        "Tick what is found at these addresses, written as the linked page shows; null leaves the field unused.",
        maximum=10_000, minimum=1,
    ),
)  # fmt: skip

_INCLUDE = (
    _include("include_accounts", "7.2.1", "Accounts", "related accounts and their parent accounts"),
    _include("include_account_numbers", "7.2.1.1", "Account numbers", "account number, customer number and entity of accounts"),
    _include("include_account_details", "7.2.1.2", "Account details", "name, address, types, status and contacts of accounts"),
    _include("include_account_programs", "7.2.1.3", "Account programs", "the programs of accounts"),
    _include("include_service_contracts", "7.2.2", "Service contracts", "related service contracts"),
    _include("include_contract_numbers", "7.2.2.1", "Contract numbers", "number and entity of service contracts"),
    _include("include_rate_plans", "7.2.2.2", "Rate plans", "the rate plan of service contracts"),
    _include("include_service_contract_details", "7.2.2.3", "Contract details", "address, start and end of service contracts"),
    _include("include_service_programs", "7.2.2.4", "Service programs", "the programs of service contracts"),
    _include("include_service_points", "7.2.3", "Service points", "related service points"),
    _include("include_premises", "7.2.3.1", "Premises", "the premises of service points"),
    _include("include_service_point_addresses", "7.2.3.2", "Service point addresses", "the address of service points"),
    _include("include_coordinates", "7.2.3.3", "Coordinates", "latitude and longitude of service points"),
    _include("include_meter_devices", "7.2.4", "Meters", "related meters"),
    _include("include_meter_numbers", "7.2.4.1", "Meter numbers", "the number of meters"),
    _include("include_meter_apps", "7.2.4.2", "Meter apps", "the applications of meters"),
    _include("include_bill_statements", "7.2.5", "Bills", "the bills of the accounts"),
    _include("include_bill_statement_files", "7.2.5.1", "Bill files", "the original file of bills"),
    _include("include_bill_statement_charges", "7.2.5.2", "Bill charges", "balances and charges of bills"),
    _include("include_bill_statement_programs", "7.2.5.3", "Bill programs", "the account programs named on bills"),
    _include("include_bill_sections", "7.2.6", "Bill sections", "the sections of bills for the services"),
    _include("include_bill_section_line_items", "7.2.6.1", "Line items", "the single lines of bill sections"),
    _include("include_bill_section_programs", "7.2.6.2", "Bill section programs", "the service programs named in bill sections"),
    _include("include_aggregations", "7.2.7", "Aggregations", "related aggregations"),
    _include("include_aggregation_addresses", "7.2.7.1", "Aggregation addresses", "the addresses of aggregations"),
    _include("include_usage_segments", "7.2.8", "Usage", "related usage; false leaves all usage out"),
    Field(
        "include_usage_segment_value_types", "7.2.8.1", "include", CHOICES, "Usage formats",
        "Which kinds of values usage may hold; null gives the time frames without values.", default=EVERY_CHOICE,
    ),
    _include("include_eacs", "7.2.9", "Energy attribute certificates", "related certificates; false leaves all certificates out"),
)  # fmt: skip

_PAST_END = "An absolute value may lie in the past; a relative one counts on from the approval."
_BACK = "A relative value counts back from the approval."


def _until(field_id: str, section: str, name: str, text: str, *, formats: tuple[Format, ...], minimum: str) -> Field:
    return Field(field_id, section, "duration", formats, name, text, default=INFINITE, maximum=INFINITE, minimum=minimum)


def _since(field_id: str, section: str, name: str, text: str, *, formats: tuple[Format, ...], default: str, maximum: str) -> Field:
    zero = "P0D" if formats == DATE else "PT0S"
    return Field(field_id, section, "duration", formats, name, f"{text} {_BACK}", default, maximum, zero, looks_back=True)


_DURATION = (
    _until(
        "sync_until", "7.3.1", "Updates until", "Until when data is kept up to date; afterwards it stays as it was then.",
        formats=DATETIME, minimum="PT0S",
    ),
    _since(
        "statement_date_start", "7.3.2", "Bills from", "Date of the earliest bill.", formats=DATE, default=INFINITE, maximum=INFINITE
    ),
    _until("statement_date_end", "7.3.3", "Bills until", f"Date of the latest bill. {_PAST_END}", formats=DATE, minimum="2000-01-01"),
    _since("start_date", "7.3.4", "Bill sections from", "Earliest start of bill sections.", formats=DATE, default="P1Y", maximum="P7Y"),
    _until("end_date", "7.3.5", "Bill sections until", f"Latest end of bill sections. {_PAST_END}", formats=DATE, minimum="2000-01-01"),
    _since("segment_start", "7.3.6", "Usage from", "Earliest start of usage.", formats=DATETIME, default="P13M", maximum="P3Y"),
    _until(
        "segment_end", "7.3.7", "Usage until", f"Latest end of usage. {_PAST_END}", formats=DATETIME, minimum="2000-01-01T00:00:00Z"
    ),
    Field(
        "expires", "7.3.8", "duration", DATETIME, "Expires", "When the authorization itself ends.",
        default="P1Y", maximum="P3Y", minimum="P1D",
    ),
)  # fmt: skip

_OTHER = (
    Field(
        "authorization_form_selection_type", "7.4.1", "other", ("choice",), "Selection",
        "Which list the customer picks from on the authorization form.",
    ),
    Field(
        "merge_selection_with", "7.4.2", "other", ("string_or_null",), "Merge selection",
        "Id of another requested scope that shares this scope's list on the form; it must name a partner too. Null keeps them apart.",
        maximum=1000, minimum=1,
    ),
    Field(
        "error_if_no_preselections", "7.4.3", "other", BOOLEAN, "Stop without a match",
        "Whether to stop early when the numbers, types or addresses sent match nothing.", default=False,
    ),
    Field(
        "purpose", "7.4.4", "other", ("choice_or_null", "choice"), "Purpose",
        "Which of your purposes the customer reads on the form; null shows none.",
    ),
    Field(
        "allow_scope_modifications", "7.4.5", "other", BOOLEAN, "Allow changes",
        "Whether the customer may change the request on the form, or only accept or decline it.", default=False,
    ),
    Field(
        "jwk", "7.4.6", "other", ("jwk_or_null",), "Encryption key",
        "Public key to which all answers of the data APIs are encrypted as well; null sends them over HTTPS alone.",
    ),
)  # fmt: skip

FIELDS: dict[str, Field] = {field.id: field for field in (*_PRESELECTION, *_INCLUDE, *_DURATION, *_OTHER)}
PRESELECTION_FIELDS: tuple[str, ...] = tuple(field.id for field in _PRESELECTION)
