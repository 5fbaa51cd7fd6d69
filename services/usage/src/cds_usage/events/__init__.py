"""Topics this service reads, one file each; `ROUTERS` is what its worker runs."""

from faststream.kafka import KafkaRouter

from cds_usage.events import aggregates, aggregations, bills, eacs, grants, readings, resources

ROUTERS: tuple[KafkaRouter, ...] = (
    grants.router, resources.router, readings.router, aggregates.router, aggregations.router, bills.router, eacs.router,
)  # fmt: skip
