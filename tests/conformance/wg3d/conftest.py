"""The registry's fixtures, and registries with another configuration."""

from tests.conformance.wg101.conftest import database, opened, policy, registry, serve, settings, utility

__all__ = ["database", "opened", "policy", "registry", "serve", "settings", "utility"]
