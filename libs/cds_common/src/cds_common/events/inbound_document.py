"""Writes the AsyncAPI document of what a utility sends in: `python -m cds_common.events.inbound_document docs/asyncapi/utility.json`.

The nine `utility.*` topics with the JSON Schema of their messages and an example of each; what a service makes of them is in
its own document.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cds_common.events.topics import TOPICS
from cds_common.events.utility import UTILITY_EVENTS, UtilityEvent

EXAMPLES = Path("tests") / "contracts" / "examples"
_DESCRIPTION = (
    "Topics that the utility's own systems (or `cds load`) write to. Key: the utility's ref of the object, which keeps order. "
    "Delivery is at least once, `event_id` counts once. A message that is refused lands in `<topic>.dead` with its reason."
)


def document(examples: Path) -> dict[str, Any]:
    """The AsyncAPI 3.0 document; `examples` is the folder of one JSON file per event version."""
    schemas: dict[str, Any] = {}
    for event in UTILITY_EVENTS:
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {event.__name__: schema}
    partitions = {topic.name: topic.partitions for topic in TOPICS}
    channels = {
        event.topic: {
            "address": event.topic,
            "description": (event.__doc__ or "").split("\n\n", maxsplit=1)[0],
            "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
            "bindings": {"kafka": {"topic": event.topic, "partitions": partitions[event.topic], "bindingVersion": "0.5.0"}},
        }
        for event in UTILITY_EVENTS
    }
    operations = {
        f"receive {event.topic}": {"action": "receive", "channel": {"$ref": f"#/channels/{event.topic}"}} for event in UTILITY_EVENTS
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "cds-server: what a utility sends", "version": "1", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": {event.__name__: _message(event, examples) for event in UTILITY_EVENTS}, "schemas": schemas},
    }


def _message(event: type[UtilityEvent], examples: Path) -> dict[str, Any]:
    example = json.loads((examples / f"{event.type_name()}.json").read_text(encoding="utf-8"))
    headers = {"type": "object", "required": ["event_type"], "properties": {"event_type": {"const": event.type_name()}}}
    return {
        "name": event.type_name(),
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
        "examples": [{"payload": example}],
    }


def text(examples: Path) -> str:
    """The document as it lies in the repository."""
    return json.dumps(document(examples), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(EXAMPLES), encoding="utf-8")
