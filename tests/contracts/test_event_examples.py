"""A stored example of every published event version must parse for ever; nothing that it says may be lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from cds_common.events.catalogue import EVENTS
from cds_common.events.topics import TOPICS

EXAMPLES = Path(__file__).parent / "examples"
TOPIC_NAMES = {topic.name for topic in TOPICS}


def test_every_event_version_has_an_example_and_every_example_an_event() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_the_example_parses_and_keeps_what_it_says(event_type: str) -> None:
    text = (EXAMPLES / f"{event_type}.json").read_text(encoding="utf-8")

    event = EVENTS[event_type].model_validate_json(text)

    assert event.event_type == event_type
    assert event.topic in TOPIC_NAMES
    assert event.key()
    assert _missing(json.loads(text), json.loads(event.model_dump_json()), "") == []


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_a_member_that_a_newer_publisher_added_is_ignored(event_type: str) -> None:
    example = json.loads((EXAMPLES / f"{event_type}.json").read_text(encoding="utf-8"))

    EVENTS[event_type].model_validate_json(json.dumps(example | {"added_later": {"deep": [1]}}))


def _missing(said: Any, kept: Any, place: str) -> list[str]:
    """The places at which `kept` lost or changed what `said` holds."""
    if isinstance(said, dict):
        return [fault for name, value in said.items() for fault in _missing(value, kept.get(name), f"{place}/{name}")]
    if isinstance(said, list):
        if not isinstance(kept, list) or len(said) != len(kept):
            return [place]
        return [fault for number, value in enumerate(said) for fault in _missing(value, kept[number], f"{place}/{number}")]
    return [] if said == kept else [f"{place}: {said!r} became {kept!r}"]
