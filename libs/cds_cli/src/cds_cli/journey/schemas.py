"""Answers of the journey against the published JSON Schemas."""

from typing import Any

from cds_cli.journey.wire import JourneyFailed

SCHEMA_OF = {
    "accounts": "account.json",
    "service_contracts": "service-contract.json",
    "service_points": "service-point.json",
    "meter_devices": "meter-device.json",
    "bill_statements": "bill-statement.json",
    "bill_sections": "bill-section.json",
    "aggregations": "aggregation.json",
    "usage_segments": "usage-segment.json",
    "eacs": "energy-attribute-certificate.json",
    "clients": "client.json",
    "grants": "grant.json",
    "token": "token-response.json",
    "introspection": "introspection-response.json",
}


def validate(kind: str, value: Any) -> None:
    """Check one object or a list of them.

    Raises:
        JourneyFailed: an object is not valid; names the place.
    """
    from cds_common.testing.schemas import first_fault  # noqa: PLC0415  # jsonschema takes seconds to load, and every command would wait

    for item in value if isinstance(value, list) else [value]:
        fault = first_fault(SCHEMA_OF[kind], item)
        if fault is not None:
            raise JourneyFailed(fault)
