"""The accounts service: Customers, Accounts, Service Contracts, Service Points, Meter Devices and entitlements (CDS-WG3-01 §10.1-§10.4)."""
