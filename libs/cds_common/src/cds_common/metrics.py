"""Prometheus metrics that every service reports; each service adds its own in its rooms."""

from prometheus_client import Counter, Gauge

DEAD_LETTERS = Counter("cds_dead_letters_total", "Messages parked in a dead letter topic", ["topic", "error_type"])
MESSAGE_RETRIES = Counter(
    "cds_message_retries_total", "Attempts to handle a message that failed and were repeated", ["topic", "error_type"]
)
OUTBOX_PUBLISHED = Counter("cds_outbox_published_total", "Events published by the relay", ["service"])
OUTBOX_FAILURES = Counter("cds_outbox_failures_total", "Relay cycles that failed and were repeated", ["service", "error_type"])
OUTBOX_AGE = Gauge("cds_outbox_oldest_age_seconds", "Age of the oldest unpublished event, zero when there is none", ["service"])
RELAY_LEADER = Gauge("cds_outbox_relay_leader", "One in the process whose relay publishes, zero in standbys", ["service"])
