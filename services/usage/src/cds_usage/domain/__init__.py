"""Rules without framework, clock or I/O."""
