"""docs/asyncapi/utility.json says what the code says, and its schemas hold for its examples."""

from pathlib import Path

import jsonschema
import pytest

from cds_common.events.inbound_document import document, text
from cds_common.events.utility import UTILITY_EVENTS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "tests" / "contracts" / "examples"


def test_the_document_is_made_from_the_contracts() -> None:
    kept = (ROOT / "docs" / "asyncapi" / "utility.json").read_text(encoding="utf-8")
    assert kept == text(EXAMPLES), "run: python -m cds_common.events.inbound_document docs/asyncapi/utility.json"


@pytest.mark.parametrize("name", [event.__name__ for event in UTILITY_EVENTS])
def test_an_example_is_valid_and_one_without_its_time_is_not(name: str) -> None:
    whole = document(EXAMPLES)
    example = whole["components"]["messages"][name]["examples"][0]["payload"]
    validator = jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": whole["components"]})
    assert list(validator.iter_errors(example)) == []
    del example["source_time"]
    assert [error.message for error in validator.iter_errors(example)] == ["'source_time' is a required property"]
