"""Topics this service reads, one file each; `ROUTERS` is what its worker runs."""

from faststream.kafka import KafkaRouter

from cds_accounts.events import (
    aggregations,
    grants,
    utility_accounts,
    utility_contracts,
    utility_customers,
    utility_meters,
    utility_service_points,
)

ROUTERS: tuple[KafkaRouter, ...] = (
    utility_customers.router,
    utility_accounts.router,
    utility_contracts.router,
    utility_service_points.router,
    utility_meters.router,
    aggregations.router,
    grants.router,
)
