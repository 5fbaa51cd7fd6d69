"""Every published contract by its `event_type`; tests walk it, the documentation is made from it."""

from cds_common.events.clients import ClientPublishedV1, MessagePublishedV1
from cds_common.events.envelope import IntegrationEvent
from cds_common.events.grants import (
    AccessesLoggedV1,
    GrantPublishedV1,
    GrantReadinessV1,
    GrantsHeartbeatV1,
    TokenIssuedV1,
    TokensRevokedV1,
)
from cds_common.events.resources import CustomerPublishedV1, EntitlementsResolvedV1, ResourcePublishedV1
from cds_common.events.utility import UTILITY_EVENTS
from cds_common.events.values import AggregateDayV1, AggregationPublishedV1, BillPublishedV1, UsageDaysV1

EVENTS: dict[str, type[IntegrationEvent]] = {
    event.type_name(): event
    for event in (
        *UTILITY_EVENTS,
        ClientPublishedV1,
        MessagePublishedV1,
        GrantPublishedV1,
        GrantsHeartbeatV1,
        GrantReadinessV1,
        TokenIssuedV1,
        TokensRevokedV1,
        AccessesLoggedV1,
        CustomerPublishedV1,
        ResourcePublishedV1,
        EntitlementsResolvedV1,
        BillPublishedV1,
        UsageDaysV1,
        AggregationPublishedV1,
        AggregateDayV1,
    )
}
