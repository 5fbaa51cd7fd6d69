"""Events and applications for the library's own tests."""

from typing import ClassVar, Literal
from uuid import UUID, uuid4

from cds_common.events.envelope import IntegrationEvent


class ThingChangedV1(IntegrationEvent):
    topic: ClassVar[str] = "test.things"
    event_type: Literal["thing.changed.v1"] = "thing.changed.v1"
    thing_id: str
    version: int

    def key(self) -> str:
        return self.thing_id


def a_change(thing_id: str = "thing-1", version: int = 1, event_id: UUID | None = None) -> ThingChangedV1:
    return ThingChangedV1(thing_id=thing_id, version=version, event_id=event_id or uuid4())
