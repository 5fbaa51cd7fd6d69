"""Topics this service reads, one file each; `ROUTERS` is what its worker runs."""

from faststream.kafka import KafkaRouter

from cds_billing.events import grants, resources, utility_bills

ROUTERS: tuple[KafkaRouter, ...] = (utility_bills.router, resources.router, grants.router)
