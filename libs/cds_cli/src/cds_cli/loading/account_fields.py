"""What a resource of Green Button's retail customer schema says (`http://naesb.org/espi/customer`), as plain texts.

Versions of the schema nest the same members differently (CustomerAgreement/status, CustomerAgreement/agreement/status), so a
member is looked for at any depth.
"""

from collections.abc import Mapping

from cds_cli.loading.feed import Element, name_of, normal

_STREET = ("addressGeneral", "number", "prefix", "name", "type", "suffix", "buildingName", "suiteNumber")
_PHONE = ("countryCode", "areaCode", "cityCode", "localNumber", "extension")
_ADDRESSES = ("mainAddress", "streetAddress", "postalAddress", "secondaryAddress")

MEMBERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Customer": {"name": ("customerName", "organisationName"), "kind": ("kind",), "email": ("electronicAddress/email1",)},
    "CustomerAccount": {
        "number": ("accountId",), "name": ("organisationName", "contactName"), "status": ("status/value",),
        "email": ("electronicAddress/email1",),
    },
    "CustomerAgreement": {
        "number": ("agreementId",), "types": ("type",), "rate_code": ("subject",), "rate_name": ("title",),
        "status": ("status/value",), "signed": ("signDate",), "start": ("validityInterval/start",),
        "duration": ("validityInterval/duration",),
    },
    "ServiceLocation": {
        "number": ("geoInfoReference",), "types": ("type",), "longitude": ("positionPoints/xPosition",),
        "latitude": ("positionPoints/yPosition",),
    },
    "ServiceSupplier": {"name": ("organisationName", "name"), "kind": ("kind",), "number": ("issuerIdentificationNumber",)},
    "Meter": {
        "number": ("serialNumber", "utcNumber"), "types": ("type",), "virtual": ("isVirtual",),
        "installed": ("installDate", "installationDate"),
    },
}  # fmt: skip
"""Resource -> field -> where it may stand."""
KINDS: Mapping[str, str] = {**{kind: kind for kind in MEMBERS}, "EndDevice": "Meter"}


def fields_of(resource: Element, kind: str) -> dict[str, str]:
    """The fields that are there."""
    found = {field: _first(resource, paths) for field, paths in MEMBERS[kind].items()}
    found["address"] = _address(resource)
    found["phone"] = _joined(resource.find(".//{*}phone1"), _PHONE, " ")
    return {field: text for field, text in found.items() if text}


def usage_points_of(resource: Element) -> list[str]:
    """Addresses of usage points that a ServiceLocation lists inside of itself."""
    texts = [element.text or "" for element in resource.iterfind(".//{*}UsagePoints/{*}UsagePoint")]
    return [normal(text) for text in texts if text.strip()]


def _first(resource: Element, paths: tuple[str, ...]) -> str:
    for path in paths:
        element = resource.find(".//" + "/".join(f"{{*}}{part}" for part in path.split("/")))
        if element is not None and (element.text or "").strip():
            return (element.text or "").strip()
    return ""


def _address(resource: Element) -> str:
    address = next((found for name in _ADDRESSES if (found := resource.find(f".//{{*}}{name}")) is not None), None)
    if address is None:
        return ""
    town = address.find("{*}townDetail")
    postal = _joined(address, ("postalCode",), " ") or _joined(town, ("code",), " ")
    parts = (
        _joined(address.find("{*}streetDetail"), _STREET, " "),
        _joined(town, ("name",), " "),
        " ".join(filter(None, (_joined(town, ("stateOrProvince",), " "), postal))),
        _joined(town, ("country",), " "),
    )
    return ", ".join(filter(None, parts))


def _joined(parent: Element | None, names: tuple[str, ...], glue: str) -> str:
    if parent is None:
        return ""
    texts = {name_of(child): (child.text or "").strip() for child in parent}
    return glue.join(texts[name] for name in names if texts.get(name))
