"""Published event contracts: one module per topic family; services meet through these and nothing else (design §3)."""
