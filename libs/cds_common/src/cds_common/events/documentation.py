"""Writes docs/events.md from the topics and contracts: `python -m cds_common.events.documentation docs/events.md`."""

import sys
from pathlib import Path

from cds_common.events.catalogue import EVENTS
from cds_common.events.envelope import IntegrationEvent
from cds_common.events.topics import TOPICS, Topic

HEAD = """# Events
Written by `python -m cds_common.events.documentation docs/events.md`; a test compares. The contracts are
`libs/cds_common/src/cds_common/events`, an example of each version lies in `tests/contracts/examples`, each service's AsyncAPI
document in `docs/asyncapi`; what a utility sends in is in `docs/asyncapi/utility.json`, with JSON Schemas and examples.

Every message is JSON with the envelope `event_id`, `event_type` (also a header), `occurred_at`, `correlation_id`; the Kafka key
decides the order. Delivery is at least once: consumers keep an inbox of event ids. Within a version only optional members are
added and readers ignore what they do not know. Decimals travel as strings with their exact digits. A message that cannot be
applied goes to `<topic>.dead` with headers that tell why: `cds dead list`, `cds dead show`, `cds dead replay`. Personal data
travels on `utility.*`, `cds.customers` and `cds.resources` only (decision 0004).
"""


def _retention(topic: Topic) -> str:
    if topic.compacted:
        return "compacted, newest snapshot per key"
    return f"{topic.retention.days} days" if topic.retention else "kept"


def _first_line(event: type[IntegrationEvent]) -> str:
    return " ".join((event.__doc__ or "").split("\n\n", maxsplit=1)[0].split())


def _member(name: str, required: set[str]) -> str:
    return f"`{name}`" if name in required else f"`{name}`?"


def document() -> str:
    """The whole page."""
    lines = [HEAD, "| Topic | Written by | Partitions | Kept |", "|---|---|---|---|"]
    lines += [f"| `{topic.name}` | {topic.owner} | {topic.partitions} | {_retention(topic)} |" for topic in TOPICS]
    for topic in TOPICS:
        lines.append(f"\n## {topic.name}")
        for event in (event for event in EVENTS.values() if event.topic == topic.name):
            schema = event.model_json_schema()
            required = set(schema.get("required", ()))
            own = [name for name in schema["properties"] if name not in IntegrationEvent.model_fields]
            members = ", ".join(_member(name, required) for name in own)
            lines.append(f"\n**`{event.type_name()}`** {_first_line(event)}\n\n{members}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
