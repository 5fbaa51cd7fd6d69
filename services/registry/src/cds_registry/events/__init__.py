"""Topics this service reads, one file each; `ROUTERS` is what its worker runs."""

from faststream.kafka import KafkaRouter

from cds_registry.events import grants

ROUTERS: tuple[KafkaRouter, ...] = (grants.router,)
