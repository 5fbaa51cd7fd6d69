"""The registry's own fixtures, and registries with another configuration."""

from typing import Any

import pytest
from fastapi import FastAPI

from cds_common.db import Sessions
from cds_common.utility import Utility, load_utility
from cds_registry.settings import Settings
from services.registry.tests.conftest import NOW, database, opened, policy, registry, settings
from tests.conformance.servers import CONFIG, Serve, server_of

__all__ = ["database", "opened", "policy", "registry", "settings"]


@pytest.fixture(scope="session")
def utility() -> Utility:
    """The shipped configuration; tests change copies of it."""
    return load_utility(CONFIG / "utility.yaml")


@pytest.fixture
def serve(opened: tuple[FastAPI, dict[str, Any]], sessions: Sessions, settings: Settings) -> Serve:
    app, state = opened
    return server_of(app, state, sessions, settings, NOW)
