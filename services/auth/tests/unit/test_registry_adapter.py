"""What the call to registry makes of its answers."""

import httpx
import pytest

from cds_auth.adapters import registry as module
from cds_auth.settings import Settings
from cds_common.errors import TransientError
from services.auth.tests.core_builders import an_admin_client

FIND = module.Registry.find_client
"""Taken at import, before the tests' stand-in replaces it."""


def answering(settings: Settings, answer: httpx.Response) -> module.Registry:
    return module.Registry(settings, httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)))


async def test_client_as_registry_has_it(settings: Settings) -> None:
    snapshot = an_admin_client().snapshot
    registry = answering(settings, httpx.Response(200, content=snapshot.model_dump_json()))
    assert await FIND(registry, snapshot.client_id) == snapshot


async def test_unknown_client_is_none_and_odd_ids_are_never_sent(settings: Settings) -> None:
    registry = answering(settings, httpx.Response(404))
    assert await FIND(registry, "unknown") is None
    assert await FIND(answering(settings, httpx.Response(500)), "../../clients/x") is None


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(401), httpx.Response(200, content=b"{}")])
async def test_other_answers_are_no_knowledge(settings: Settings, answer: httpx.Response) -> None:
    with pytest.raises(TransientError):
        await FIND(answering(settings, answer), "client-1")
