"""The rules of registration, Client Objects, Credentials, Messages and shared files; no framework, no clock, no I/O."""
