"""The auth service's own fixtures."""

from services.auth.tests.api.conftest import vault, world
from services.auth.tests.conftest import (
    committed,
    committed_engine,
    committed_sessions,
    core,
    database,
    http,
    registry,
    rules,
    settings,
    utility,
)

__all__ = [
    "committed",
    "committed_engine",
    "committed_sessions",
    "core",
    "database",
    "http",
    "registry",
    "rules",
    "settings",
    "utility",
    "vault",
    "world",
]
