"""`cds.grants` and `cds.entitlements`: what each Grant opens; answers readiness."""

from faststream.kafka import KafkaRouter

from cds_common.grant_copy.consumers import subscribe_grant_copy

router = KafkaRouter()
subscribe_grant_copy(router, service="usage")
