"""authorization_details of a request: parsed, checked and made effective before login; turned absolute when a Grant is made.

Readings (CDS-WG1-02 §3.3-3.9, CDS-WG3-01 §7, 9.1.1):
- A details object whose `type` is a scope id overrides that scope of the scope string; a type that the string lacks asks for
  its scope too (RFC 9396 §2.2). Each scope gives one entry; two objects of one type are refused, since nothing says how to join them.
- A missing scope of an authorization request becomes cds_default_scope. Missing details become the cds_default_authorization_details,
  but only of scopes that are requested: a default must not widen a request.
- Limits of relative values are checked at the request; the base of a relative value is the approval (WG1-02 §3.9), so an absolute
  value near a limit is not refused because the customer took time to decide.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any, Literal, Self, cast

from cds_common.access.catalogue import INFINITE, PRESELECTION_FIELDS, SCOPE_TYPES, SERVER_PROVIDED_FILES, is_consent, is_customer_data
from cds_common.access.durations import parse_instant, render_instant
from cds_common.access.errors import InvalidAuthorizationDetails, InvalidScope
from cds_common.access.merging import check_merges
from cds_common.access.offers import OfferedChoice, OfferedField, OfferedScope
from cds_common.access.values import BadValue, Moment, check_value
from cds_common.events.clients import ClientPublishedV1

MAX_SCOPES = 50
MAX_MEMBERS = 100
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")

_NOTHING: Mapping[str, Any] = {}

Flow = Literal["authorization_code", "client_credentials", "server"]


@dataclass(frozen=True, slots=True)
class RequestedAccess:
    """What a request asks for. `details` is the parsed JSON array with exact decimals; None = the parameter is absent.

    Flow `server`: a Grant that an operator makes for the Client; it may hold scopes of every kind but the admin ones.
    """

    scope: str | None
    details: Any
    flow: Flow


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What the Client may ask for: its scopes, its details types and, per scope, the ids of its Purposes."""

    scopes: frozenset[str]
    details_types: frozenset[str]
    purposes: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    default_scope: str | None = None
    default_details: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, client: ClientPublishedV1) -> Self:
        """From a Client Object."""
        scopes = frozenset(client.scope.split())
        return cls(
            scopes,
            frozenset(client.authorization_details_types),
            {scope: frozenset(each.id for each in client.purposes if scope in each.scopes_supported) for scope in scopes},
            client.default_scope,
            tuple(client.default_authorization_details or ()),
        )


@dataclass(frozen=True, slots=True)
class EffectiveEntry:
    """One requested scope with every field that it offers: the value sent, or its default; relative values stay relative."""

    entry_no: int
    scope: str
    scope_type: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GrantDetails:
    """One scope of a Grant as it is kept and shown: absolute times or "infinite"; preselections left out where §6 says so."""

    entry_no: int
    scope: str
    scope_type: str
    details: dict[str, Any]

    def wire(self) -> dict[str, Any]:
        """The object in authorization_details of token answers and Grants."""
        return {"type": self.scope, **self.details}


def parse_scope(text: str) -> list[str]:
    """The distinct scopes of a scope string in order (RFC 6749 §3.3).

    Raises:
        InvalidScope: empty, malformed, or more than 50 scopes.
    """
    scopes = list(dict.fromkeys(text.split(" ")))
    if len(text) > MAX_SCOPES * 201 or len(scopes) > MAX_SCOPES or not all(map(_SCOPE.fullmatch, scopes)):
        raise InvalidScope("The scope parameter is empty, malformed or too long")
    return scopes


def parse_details(details: Any) -> dict[str, tuple[int, Mapping[str, Any]]]:
    """The details objects by type with their place in the array.

    Raises:
        InvalidAuthorizationDetails: not an array of objects with a string `type`, too many, or two of one type.
    """
    if not isinstance(details, list):
        raise InvalidAuthorizationDetails("authorization_details is a JSON array")
    members = cast("list[Any]", details)
    if len(members) > MAX_SCOPES:
        raise InvalidAuthorizationDetails(f"at most {MAX_SCOPES} objects are accepted")
    found: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for index, member in enumerate(members):
        if not isinstance(member, dict):
            raise InvalidAuthorizationDetails("an object is expected", f"/{index}")
        entry = cast("dict[str, Any]", member)
        kind = entry.get("type")
        if not isinstance(kind, str) or _SCOPE.fullmatch(kind) is None or len(entry) > MAX_MEMBERS:
            raise InvalidAuthorizationDetails("type is a scope id, and the object has at most 100 members", f"/{index}/type")
        if kind in found:
            raise InvalidAuthorizationDetails("only one object of a type is accepted", f"/{index}/type")
        found[kind] = (index, entry)
    return found


def validate_request(
    request: RequestedAccess, *, limits: ClientLimits, offered: Mapping[str, OfferedScope], now: datetime, tz: tzinfo
) -> list[EffectiveEntry]:
    """Check all of a request that needs no customer and make it effective: one entry per scope, in the order of the request.

    Raises:
        InvalidScope: a scope is missing, unknown, not the Client's or not for this flow.
        InvalidAuthorizationDetails: anything in the details breaks a rule of the scope (CDS-WG3-01 §6, §7; RFC 9396 §5).
    """
    scopes, details = _requested(request, limits)
    for scope in scopes:
        _check_scope(scope, request.flow, limits, offered, details)
    moment = Moment(now, tz)
    entries: list[EffectiveEntry] = []
    for number, scope in enumerate(scopes):
        index, sent = details.get(scope, (None, _NOTHING))
        checked = _effective(offered[scope], sent, index, limits, moment)
        entries.append(EffectiveEntry(number, scope, offered[scope].type, checked))
    _check_keys(entries)
    check_merges(
        [(entry.scope, entry.details) for entry in entries if is_consent(entry.scope_type) or "merge_selection_with" in entry.details],
        offered,
    )
    return entries


def _requested(request: RequestedAccess, limits: ClientLimits) -> tuple[list[str], dict[str, tuple[int, Mapping[str, Any]]]]:
    text, raw = request.scope, request.details
    with_defaults = request.flow == "authorization_code"
    if text is None and with_defaults:
        text = limits.default_scope
    details = {} if raw is None else parse_details(raw)
    scopes = parse_scope(text) if text is not None else []
    if raw is None and with_defaults and limits.default_details:
        defaults = parse_details(list(limits.default_details))
        details = {kind: entry for kind, entry in defaults.items() if kind in scopes}
    scopes = list(dict.fromkeys([*scopes, *details]))
    if not scopes:
        raise InvalidScope("A scope is required")
    if len(scopes) > MAX_SCOPES:
        raise InvalidScope("Too many scopes")
    return scopes, details


def _check_scope(scope: str, flow: Flow, limits: ClientLimits, offered: Mapping[str, OfferedScope], details: Mapping[str, Any]) -> None:
    by_type = scope in details
    if by_type and scope not in limits.details_types:
        raise InvalidAuthorizationDetails("the Client may not use this type", f"/{details[scope][0]}/type")
    if scope not in limits.scopes or scope not in offered:
        raise InvalidScope("The Client is not registered for a requested scope")
    kinds = offered[scope].grant_types
    server_made = is_customer_data(offered[scope].type) or offered[scope].type == SERVER_PROVIDED_FILES
    if not (server_made if flow == "server" else flow in kinds):
        raise InvalidScope("A requested scope can not be obtained this way")


def _effective(scope: OfferedScope, sent: Mapping[str, Any], index: int | None, limits: ClientLimits, moment: Moment) -> dict[str, Any]:
    base = "" if index is None else f"/{index}"
    unknown = sorted(set(sent) - set(scope.fields) - {"type"})
    if unknown:
        raise InvalidAuthorizationDetails("the scope does not offer this field", f"{base}/{_escape(unknown[0])}")
    checked: dict[str, Any] = {}
    for field_id, offered_field in scope.fields.items():
        pointer = f"{base}/{field_id}"
        if field_id == "purpose":
            checked[field_id] = _purpose(scope.id, offered_field, sent, limits, (pointer, moment))
        elif field_id in sent and not (scope.starts_at_last_bill and field_id == "statement_date_start"):
            checked[field_id] = _sent(offered_field, sent[field_id], pointer, moment)
        elif offered_field.is_required or not offered_field.has_default:
            if offered_field.is_required:
                raise InvalidAuthorizationDetails("the field is required", pointer)
        else:
            checked[field_id] = offered_field.default
    _check_never(scope.type, checked, base)
    return checked


def _escape(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")


def _sent(offered_field: OfferedField, value: Any, pointer: str, moment: Moment) -> Any:
    try:
        check_value(offered_field, value, moment)
    except BadValue as error:
        raise InvalidAuthorizationDetails(str(error), pointer) from error
    return value


def _purpose(scope: str, offered_field: OfferedField, sent: Mapping[str, Any], limits: ClientLimits, where: tuple[str, Moment]) -> Any:
    """The Purpose of the entry: its choices are the Client's own for the scope, whatever the public metadata list (§7.4.4)."""
    own = limits.purposes.get(scope, frozenset())
    field_of_client = replace(offered_field, choices=tuple(map(OfferedChoice, sorted(own))))
    if "purpose" in sent:
        return _sent(field_of_client, sent["purpose"], *where)
    return offered_field.default if offered_field.default in own else None


def _check_never(scope_type: str, details: Mapping[str, Any], base: str) -> None:
    rules = SCOPE_TYPES[scope_type].never if scope_type in SCOPE_TYPES else _NOTHING
    for field_id, refused in rules.items():
        if details.get(field_id) is refused:
            raise InvalidAuthorizationDetails("the scope does not accept this value", f"{base}/{field_id}")


def _check_keys(entries: Sequence[EffectiveEntry]) -> None:
    keys = [entry.details["jwk"] for entry in entries if "jwk" in entry.details]
    if any(key != keys[0] for key in keys):
        raise InvalidAuthorizationDetails("jwk must be the same for all scopes of a request")


def to_grant(entries: Sequence[EffectiveEntry], approved_at: datetime, tz: tzinfo) -> list[GrantDetails]:
    """The details that a Grant keeps: relative values become absolute from `approved_at` on the calendar of `tz` (§7.3).

    `approved_at` is the customer's approval, or the first token request for direct access (CDS-WG1-02 §3.9).
    """
    moment = Moment(approved_at, tz)
    granted: list[GrantDetails] = []
    for entry in entries:
        kept = SCOPE_TYPES[entry.scope_type].kept_preselections if entry.scope_type in SCOPE_TYPES else frozenset[str]()
        dropped = frozenset(PRESELECTION_FIELDS) - kept
        details = {name: _absolute(name, value, moment) for name, value in entry.details.items() if name not in dropped}
        granted.append(GrantDetails(entry.entry_no, entry.scope, entry.scope_type, details))
    return granted


def _absolute(field_id: str, value: Any, moment: Moment) -> Any:
    known = _DURATIONS.get(field_id)
    if known is None or value is None or value == INFINITE:
        return value
    sign, with_time = known
    try:
        return render_instant(moment.instant(value, sign)) if with_time else moment.day(value, sign).isoformat()
    except ValueError as error:
        raise InvalidAuthorizationDetails(str(error), f"/{field_id}") from error


_DURATIONS: dict[str, tuple[Literal[1, -1], bool]] = {
    "sync_until": (1, True),
    "statement_date_start": (-1, False),
    "statement_date_end": (1, False),
    "start_date": (-1, False),
    "end_date": (1, False),
    "segment_start": (-1, True),
    "segment_end": (1, True),
    "expires": (1, True),
}


def scope_string(granted: Sequence[GrantDetails | EffectiveEntry]) -> str:
    """The scope parameter that goes with these entries."""
    return " ".join(dict.fromkeys(entry.scope for entry in granted))


def grant_expires(granted: Sequence[GrantDetails]) -> datetime | None:
    """`expires` of the Grant: the earliest of its entries (§7.3.8; one Grant has one expiry); None = never."""
    values = [entry.details["expires"] for entry in granted if entry.details.get("expires") not in {None, INFINITE}]
    return min(map(parse_instant, values), default=None)


def encryption_key(granted: Sequence[GrantDetails]) -> dict[str, Any] | None:
    """The public key to which data answers of the Grant are encrypted, or None (§7.4.6)."""
    return next((entry.details["jwk"] for entry in granted if entry.details.get("jwk") is not None), None)
