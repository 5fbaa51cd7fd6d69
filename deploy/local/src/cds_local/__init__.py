"""Runs cds-server on one machine without Docker, for a developer's hands and for the tests."""
