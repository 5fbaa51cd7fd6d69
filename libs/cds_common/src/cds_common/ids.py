"""Stable platform ids of customer data, so that every service names an object alike without asking another.

A utility's own key (`ref`) never changes while the numbers on a bill may (CDS-WG3-01 §10: the `*_number` fields are
display values). The id is a UUIDv5 of environment, kind and `ref`: the same fact read twice, late or after a rebuild
gets the same id, and sandbox and production ids never meet. An id opens nothing by itself.
"""

from typing import Literal
from uuid import UUID, uuid5

Environment = Literal["sandbox", "production"]
Kind = Literal[
    "customer",
    "account",
    "service_contract",
    "service_point",
    "meter_device",
    "bill_statement",
    "bill_section",
    "aggregation",
    "usage_segment",
    "eac",
    "series",
    "entity",
    "premise",
    "part",
]

_NAMESPACE = UUID("5f0c6c6e-5d1a-5b0e-9d0a-1f7f3b6f6a51")


def resource_id(environment: Environment, kind: Kind, ref: str) -> UUID:
    """The id of the object that the utility calls `ref`; `ref` is the utility's key, never a customer-facing number."""
    return uuid5(_NAMESPACE, f"{environment}\x1f{kind}\x1f{ref}")
