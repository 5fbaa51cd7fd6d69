"""The aggregation service: Aggregations, membership, privacy thresholds and aggregated values (CDS-WG3-01 §10.7)."""
