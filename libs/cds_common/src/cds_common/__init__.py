"""What is the same for every service: transport, wire format, event contracts, token checking, test fixtures."""
