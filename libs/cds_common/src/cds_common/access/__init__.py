"""Who may see what: the rules of CDS-WG1-02 §3.4-3.9, §8.2 and CDS-WG3-01 §5-9 as pure functions, said once for all services."""
