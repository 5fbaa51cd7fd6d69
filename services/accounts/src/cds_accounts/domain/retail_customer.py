"""Accounts, contracts, points and meters in the words of Green Button's retail customer schema (NAESB REQ.21, `customer.xsd`).

Objects come in as a listing answers them, under the masks of the token: what is not opened is not there and is left out.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from cds_common import espi

Json = Mapping[str, Any]


def customer_account(account: Json, _zone: ZoneInfo) -> str:
    """CustomerAccount: contact, status and number."""
    contact = "".join(
        (_address("streetAddress", account.get("account_address")), espi.leaf("organisationName", account.get("account_name")))
    )
    status = account.get("account_status")
    return _content(
        "CustomerAccount",
        espi.element("document", espi.element("status", espi.leaf("value", status))) if status else "",
        espi.element("contactInfo", contact) if contact else "",
        espi.leaf("accountId", account.get("account_number")),
    )


def customer_agreement(contract: Json, zone: ZoneInfo) -> str:
    """CustomerAgreement: kind of service, rate plan, status, time and number."""
    start, end = contract.get("contract_start"), contract.get("contract_end")
    begin = _midnight(start, zone) if start else None
    members = (
        espi.leaf("type", " ".join(contract["service_types"])),
        espi.leaf("subject", contract.get("rateplan_code")),
        espi.leaf("title", contract.get("rateplan_name")),
        espi.element("status", espi.leaf("value", contract["contract_status"])),
        espi.leaf("signDate", begin),
        espi.interval(begin, _midnight(end, zone) - begin, "validityInterval") if begin is not None and end else "",
    )
    return _content("CustomerAgreement", espi.element("agreement", *members), espi.leaf("agreementId", contract.get("contract_number")))


def service_location(point: Json, _zone: ZoneInfo) -> str:
    """ServiceLocation: address and coordinates."""
    place = [espi.leaf("type", " ".join(point["servicepoint_types"])), _address("mainAddress", point.get("servicepoint_address"))]
    place.append(espi.leaf("geoInfoReference", point.get("servicepoint_number")))
    if point.get("longitude") is not None and point.get("latitude") is not None:
        position = (espi.leaf("xPosition", point["longitude"]), espi.leaf("yPosition", point["latitude"]))
        place.append(espi.element("positionPoints", *position))
    return _content("ServiceLocation", espi.element("location", *place))


def meter(device: Json, _zone: ZoneInfo) -> str:
    """Meter: its types and number."""
    asset = (espi.leaf("type", " ".join(device["meter_types"])), espi.leaf("serialNumber", device.get("meter_number")))
    virtual = espi.leaf("isVirtual", "true" if "virtual_meter" in device["meter_types"] else "false")
    return _content("Meter", espi.element("endDevice", espi.element("asset", *asset), virtual))


CONTENTS: Mapping[str, Callable[[Json, ZoneInfo], str]] = {
    "CustomerAccount": customer_account,
    "CustomerAgreement": customer_agreement,
    "ServiceLocation": service_location,
    "Meter": meter,
}
"""Resources by the name of their collection."""


def _content(name: str, *members: str) -> str:
    return espi.content(name, espi.CUSTOMER_NAMESPACE, *members)


def _address(name: str, text: str | None) -> str:
    return espi.element(name, espi.element("streetDetail", espi.leaf("addressGeneral", text))) if text else ""


def _midnight(day: str, zone: ZoneInfo) -> int:
    return int(datetime.combine(date.fromisoformat(day), time(), zone).timestamp())
