"""The published JSON Schemas, with format checks."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[3] / "tests" / "conformance" / "spec" / "schemas"


@cache
def _registry() -> Registry[Any]:
    documents = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    return Registry().with_resources([(name, Resource.from_contents(document)) for name, document in documents.items()])


def assert_fits(document: Any, *names: str) -> None:
    """`document` is valid by each of the schemas."""
    for name in names:
        validator = Draft202012Validator({"$ref": f"{name}.json"}, registry=_registry(), format_checker=FormatChecker())
        faults = [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}" for fault in validator.iter_errors(document)]
        assert faults == [], f"{name}: {faults[:5]}"
