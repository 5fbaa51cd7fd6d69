"""The billing service: Bill Statements, Bill Sections and bill files (CDS-WG3-01 §10.5-§10.6)."""
