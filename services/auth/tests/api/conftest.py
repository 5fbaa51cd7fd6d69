"""Fixtures of the page tests."""

import httpx
import pytest

from cds_auth.application.page_secrets import PageSecrets
from cds_auth.settings import Settings
from cds_common import db
from services.auth.tests.customer_world import World


@pytest.fixture
def world(http: httpx.AsyncClient, committed_sessions: db.Sessions) -> World:
    return World(http, committed_sessions)


@pytest.fixture(scope="session")
def vault(committed: Settings) -> PageSecrets:
    return PageSecrets(committed)
