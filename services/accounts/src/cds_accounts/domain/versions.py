"""One version of an object: what the source said, as columns to search by and a document to answer with."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cds_accounts.domain import documents
from cds_common import exact_json
from cds_common.events import utility
from cds_common.events.resources import ResourceKind
from cds_common.ids import Environment, resource_id


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """What one message says about one object. `columns` are those that the kind's table has besides the common ones."""

    kind: ResourceKind
    object_id: UUID
    environment: Environment
    ref: str
    valid_from: datetime
    columns: dict[str, Any]
    document: str

    @property
    def digest(self) -> bytes:
        """Equal digests mean equal data: only `cds_synced` moves then (CDS-WG3-01 §10.1.1)."""
        return hashlib.sha256(exact_json.encode([self.columns, self.document])).digest()


def of_account(event: utility.AccountRecordedV1) -> ObjectVersion:
    """The version that this message states."""
    environment = event.environment
    parent = event.parent_account_ref
    columns: dict[str, Any] = {
        "cds_account_parent": None if parent is None else resource_id(environment, "account", parent),
        "customer_ids": _ids(environment, "customer", event.customer_refs),
        "customer_number": event.customer_number,
        "account_number": event.account_number,
        "account_name": event.account_name,
        "account_address": event.account_address,
        "account_types": documents.account_types(event),
        "account_status": event.account_status,
        "contact_values": [one.value for one in documents.expressible_contacts(event.account_contacts) if "email" in one.types],
        "program_numbers": [program.program_number for program in event.account_programs],
    }
    return _version("account", event, event.account_ref, columns, documents.account_document(event))


def of_contract(event: utility.ContractRecordedV1) -> ObjectVersion:
    """The version that this message states; `account_number` is added from the account when it is stored."""
    columns: dict[str, Any] = {
        "cds_account_id": resource_id(event.environment, "account", event.account_ref),
        "contract_number": event.contract_number,
        "contract_address": event.contract_address,
        "contract_types": list(event.contract_types),
        "contract_status": event.contract_status,
        "contract_start": event.contract_start,
        "contract_end": event.contract_end,
        "service_types": list(event.service_types),
        "rateplan_code": event.rateplan_code,
        "rateplan_name": event.rateplan_name,
        "program_numbers": [program.program_number for program in event.service_programs],
    }
    return _version("service_contract", event, event.contract_ref, columns, documents.contract_document(event))


def of_point(event: utility.ServicePointRecordedV1) -> ObjectVersion:
    """The version that this message states; a contract that is named as current and previous counts as current."""
    current = _ids(event.environment, "service_contract", event.current_contract_refs)
    previous = [one for one in _ids(event.environment, "service_contract", event.previous_contract_refs) if one not in current]
    columns: dict[str, Any] = {
        "servicepoint_number": event.servicepoint_number,
        "servicepoint_types": list(event.servicepoint_types),
        "servicepoint_address": event.servicepoint_address,
        "premise_numbers": [premise.premise_number for premise in event.premises],
        "current_servicecontracts": current,
        "previous_servicecontracts": previous,
        "contract_ids": [*current, *previous],
    }
    return _version("service_point", event, event.servicepoint_ref, columns, documents.point_document(event))


def of_meter(event: utility.MeterRecordedV1) -> ObjectVersion:
    """The version that this message states; a placement is current while `source_time` lies inside it."""
    placements = [(resource_id(event.environment, "service_point", one.servicepoint_ref), one) for one in event.placements]
    begun = [(point, one) for point, one in placements if one.start <= event.source_time]
    current = _unique(point for point, one in begun if one.end is None or one.end > event.source_time)
    columns: dict[str, Any] = {
        "meter_number": event.meter_number,
        "meter_types": list(event.meter_types),
        "app_numbers": [app.app_number for app in event.meter_apps],
        "current_servicepoints": current,
        "previous_servicepoints": [point for point in _unique(point for point, _ in begun) if point not in current],
        "placements": [
            {"id": str(point), "start": one.start.isoformat(), "end": None if one.end is None else one.end.isoformat()}
            for point, one in placements
        ],
        "point_ids": _unique(point for point, _ in placements),
    }
    return _version("meter_device", event, event.meter_ref, columns, documents.meter_document(event))


def _version(
    kind: ResourceKind, event: utility.UtilityEvent, ref: str, columns: dict[str, Any], document: documents.Document
) -> ObjectVersion:
    text = exact_json.encode_text(document)
    return ObjectVersion(kind, resource_id(event.environment, kind, ref), event.environment, ref, event.source_time, columns, text)


def _ids(environment: Environment, kind: Any, refs: list[str]) -> list[UUID]:
    return _unique(resource_id(environment, kind, ref) for ref in refs)


def _unique(ids: Any) -> list[UUID]:
    return list(dict.fromkeys(ids))
