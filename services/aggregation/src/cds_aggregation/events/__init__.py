"""Topics this service reads, one file each; `ROUTERS` is what its worker runs."""

from faststream.kafka import KafkaRouter

from cds_aggregation.events import aggregations, grants, resources, usage

ROUTERS: tuple[KafkaRouter, ...] = (grants.router, resources.router, aggregations.router, usage.router)
