"""The auth service: customers' logins, authorization requests, Grants, receipts, tokens and keys (CDS-WG1-02 §8; CDS-WG3-01 §7-§9)."""
