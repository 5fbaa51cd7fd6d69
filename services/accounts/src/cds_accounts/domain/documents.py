"""From a message of the utility to the properties of CDS-WG3-01 §10.1-§10.4, without ids, stamps and relation lists."""

import re
from collections.abc import Iterable
from typing import Any, get_args

from cds_accounts.domain.errors import UnfitSource
from cds_common.events import utility, vocabulary
from cds_common.ids import Environment, resource_id

Document = dict[str, Any]

_PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
_LINKS = ("more_info", "signup", "settings", "discontinue")
_PARTICIPATION = ("participation_number", "start", "end")
_DEMAND_RESPONSE = ("pnode", "anode", "aggregated", "automated")


def account_document(event: utility.AccountRecordedV1) -> Document:
    """Properties of an Account (§10.1.1). A name or address that is not known is left out: neither may be null."""
    environment, ref = event.environment, event.account_ref
    document: Document = {
        "customer_number": event.customer_number,
        "account_number": event.account_number,
        "account_entity": entity(environment, event.account_entity),
        "account_types": account_types(event),
        "account_status": event.account_status,
        "account_contacts": [
            {"id": _part(environment, ref, "contact", contact.value), "types": list(contact.types), "value": contact.value}
            for contact in expressible_contacts(event.account_contacts)
        ],
        "account_programs": [account_program(environment, ref, program) for program in event.account_programs],
    }
    return document | _known(account_name=event.account_name, account_address=event.account_address)


def account_types(event: utility.AccountRecordedV1) -> list[str]:
    """The types of an Account; one under a parent is a child (§10.1.2), whether the source says so or not."""
    types = list[str](event.account_types)
    return types if event.parent_account_ref is None or "child" in types else [*types, "child"]


def contract_document(event: utility.ContractRecordedV1) -> Document:
    """Properties of a Service Contract (§10.2.1) but the account's number, which is the account's."""
    environment, ref = event.environment, event.contract_ref
    document: Document = {
        "contract_number": event.contract_number,
        "contract_types": list(event.contract_types),
        "contract_entity": entity(environment, event.contract_entity),
        "contract_status": event.contract_status,
        "contract_start": event.contract_start,
        "contract_end": event.contract_end,
        "service_types": list(event.service_types),
        "rateplan_code": event.rateplan_code,
        "rateplan_name": event.rateplan_name,
        "service_programs": [service_program(environment, ref, program) for program in event.service_programs],
    }
    return document | _known(contract_address=event.contract_address)


def point_document(event: utility.ServicePointRecordedV1) -> Document:
    """Properties of a Service Point (§10.3.1)."""
    return {
        "servicepoint_number": event.servicepoint_number,
        "servicepoint_types": list(event.servicepoint_types),
        "servicepoint_address": event.servicepoint_address,
        "latitude": event.latitude,
        "longitude": event.longitude,
        "premises": [
            {
                "id": str(resource_id(event.environment, "premise", premise.premise_number)),
                "premise_number": premise.premise_number,
                "types": list(premise.types),
                **premise.additional(),
            }
            for premise in event.premises
        ],
    }


def meter_document(event: utility.MeterRecordedV1) -> Document:
    """Properties of a Meter Device (§10.4.1). `start` belongs to installed apps, `end` to uninstalled ones (§10.4.4)."""
    apps: list[Document] = []
    for app in event.meter_apps:
        times = {
            "start": app.start if "installed" in app.types else None,
            "end": app.end if "uninstalled" in app.types else None,
        }
        identity: Document = {
            "id": _part(event.environment, event.meter_ref, "app", app.app_number),
            "app_number": app.app_number,
            "types": list(app.types),
            "name": app.name,
        }
        apps.append(identity | _known(**times) | app.additional())
    return {"meter_number": event.meter_number, "meter_types": list(event.meter_types), "meter_apps": apps}


def entity(environment: Environment, found: utility.Entity | None) -> Document | None:
    """An Entity (§10.1.4), or None when the source does not know it."""
    if found is None:
        return None
    return {
        "id": str(resource_id(environment, "entity", found.entity_number)),
        "types": list(found.types),
        "entity_number": found.entity_number,
        "entity_name": found.entity_name,
        "entity_abbreviation": found.entity_abbreviation,
    }


def expressible_contacts(contacts: Iterable[utility.Contact]) -> list[utility.Contact]:
    """The contacts that §10.1.6 can express: a phone number must be E.164, an e-mail address must look like one."""
    return [
        contact
        for contact in contacts
        if (_PHONE.fullmatch(contact.value) if "phone_number" in contact.types else re.fullmatch(r"[^@\s]+@[^@\s]+", contact.value))
    ]


def account_program(environment: Environment, ref: str, program: utility.Program) -> Document:
    """An Account Program (§10.1.8); the balance of a credit bank is money (§10.1.9).

    Raises:
        UnfitSource: a type that account programs do not have, or a balance without currency.
    """
    document = _program(environment, ref, program, get_args(vocabulary.AccountProgramType))
    if program.balance is not None and "credit_bank" in program.types:
        if program.currency is None or program.units not in {None, "money"}:
            raise UnfitSource("the balance of an account program needs a currency")
        document |= {"balance": program.balance, "currency": program.currency}
    return document


def service_program(environment: Environment, ref: str, program: utility.Program) -> Document:
    """A Service Program (§10.2.5); a credit bank may hold money or energy (§10.2.6).

    Raises:
        UnfitSource: a type that service programs do not have, a balance without units, or money without currency.
    """
    document = _program(environment, ref, program, get_args(vocabulary.ServiceProgramType))
    if program.balance is not None and "credit_bank" in program.types:
        units = program.units or ("money" if program.currency else None)
        if units is None or (units == "money" and program.currency is None):
            raise UnfitSource("the balance of a service program needs units, and money a currency")
        document |= {"balance": program.balance, "units": units} | _known(currency=program.currency if units == "money" else None)
    if "demand_response" in program.types:
        document |= _known(**{name: getattr(program, name) for name in _DEMAND_RESPONSE})
    return document


def _program(environment: Environment, ref: str, program: utility.Program, allowed: tuple[str, ...]) -> Document:
    if not set(program.types) <= set(allowed):
        raise UnfitSource(f"program types of another kind of program: {sorted(set(program.types) - set(allowed))}")
    document: Document = {
        "id": _part(environment, ref, "program", program.program_number),
        "program_number": program.program_number,
        "types": list(program.types),
        "name": program.name,
        "description": program.description,
        "documentation": str(program.documentation),
    }
    links = {name: None if getattr(program, name) is None else str(getattr(program, name)) for name in _LINKS}
    return document | _known(**links, **{name: getattr(program, name) for name in _PARTICIPATION}) | program.additional()


def _known(**members: Any) -> Document:
    return {name: value for name, value in members.items() if value is not None}


def _part(environment: Environment, ref: str, what: str, key: str) -> str:
    return str(resource_id(environment, "part", f"{ref}\x1f{what}\x1f{key}"))
