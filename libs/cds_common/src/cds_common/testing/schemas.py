"""Answers against the published JSON Schemas, from the repository's copy in `tests/conformance/spec/schemas`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from cds_common import exact_json

FOLDER = Path(__file__).parents[5] / "tests" / "conformance" / "spec" / "schemas"


@cache
def _registry() -> "Registry[Any]":
    contents = [(path.name, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.glob("*.json"))]
    return Registry[Any]().with_resources([(name, Resource[Any].from_contents(content)) for name, content in contents])


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(_registry().contents(name), registry=_registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def first_fault(name: str, value: Any) -> str | None:
    """Where and why a value breaks the schema of this file name; None when it is valid. Decimals count as numbers."""
    for error in _validator(name).iter_errors(value):
        return f"{name} at {error.json_path}: {error.message[:300]}"
    return None


def assert_valid(name: str, body: bytes | str) -> Any:
    """Parse a JSON body with exact numbers and demand that it is valid.

    Raises:
        AssertionError: it breaks the schema.
    """
    value = exact_json.decode(body if isinstance(body, bytes) else body.encode())
    fault = first_fault(name, value)
    assert fault is None, fault
    return value
