"""Benchmarks: whole paths through the running system, each beside a floor measured in the same run. `make bench`."""
