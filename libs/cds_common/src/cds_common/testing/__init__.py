"""Test fixtures and suites that every service uses; nothing here runs in production."""
