"""Topics this service reads, one file each; `ROUTERS` is what its worker runs."""

from faststream.kafka import KafkaRouter

from cds_auth.events import access_log, aggregations, bills, clients, customers, readiness, resources

ROUTERS: tuple[KafkaRouter, ...] = (
    clients.router,
    readiness.router,
    customers.router,
    resources.router,
    aggregations.router,
    bills.router,
    access_log.router,
)
