"""The usage service: readings, Usage Segments and EACs (CDS-WG3-01 §10.8-§10.9)."""
