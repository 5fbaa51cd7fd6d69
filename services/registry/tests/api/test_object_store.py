"""Server-Provided Files in an S3-compatible store: a server of other authors (moto) on the loopback interface."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from moto.server import ThreadedMotoServer

from cds_registry.adapters.file_store import DirectoryStore
from cds_registry.adapters.object_store import ObjectStore, bucket_of
from cds_registry.api.dependencies import _store
from cds_registry.api.state import file_store
from cds_registry.settings import Settings
from services.registry.tests.api.test_files import FILES, share
from services.registry.tests.api.test_files import opened as opened_files
from services.registry.tests.builders import Registry

CONTENT = bytes(range(251)) * 4000
"""A million bytes: four pieces of a download."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    async with httpx.AsyncClient(trust_env=False) as http:
        (await http.put(f"{endpoint}/cds-files")).raise_for_status()
    return ObjectStore(bucket_of(f"s3://cds-files/registry?endpoint={endpoint}"))


async def read(store: Any, key: str, start: int, length: int) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, length)])


async def test_keeps_reads_by_range_and_forgets(store: ObjectStore) -> None:
    kept = await store.put(CONTENT)
    assert kept.size == 1_004_000
    assert await read(store, kept.key, 0, kept.size) == CONTENT
    assert await read(store, kept.key, 300_000, 400_000) == CONTENT[300_000:700_000]
    assert await read(store, kept.key, kept.size - 1, 1) == CONTENT[-1:]
    with pytest.raises(OSError, match="shorter"):
        await read(store, kept.key, kept.size - 1, 2)
    await store.delete(kept.key)
    await store.delete(kept.key)
    with pytest.raises(OSError, match="missing"):
        await read(store, kept.key, 0, 1)
    with pytest.raises(ValueError, match="not a key"):
        await read(store, "../other", 0, 1)


async def test_equal_files_are_kept_apart(store: ObjectStore) -> None:
    one, other = await store.put(b"same"), await store.put(b"same")
    assert (one.sha256, one.key != other.key) == (other.sha256, True)
    await store.delete(one.key)
    assert await read(store, other.key, 0, 4) == b"same"


async def test_files_are_shared_and_downloaded_through_it(
    registry: Registry, store: ObjectStore, opened: tuple[FastAPI, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = opened
    monkeypatch.setitem(app.dependency_overrides, _store, lambda: store)
    party = await registry.party(f"cds_client_admin {FILES}")
    file = (await share(registry, party, content=CONTENT)).json()
    headers = await opened_files(registry, party, [file["file_id"]])
    url = f"/cds/v1/files/{file['file_id']}/content"
    assert (await registry.http.get(url, headers=headers)).content == CONTENT
    part = await registry.http.get(url, headers=headers | {"Range": "bytes=260000-260009"})
    assert (part.status_code, part.content) == (206, CONTENT[260_000:260_010])
    nowhere = ObjectStore(bucket_of("s3://cds-files/registry?endpoint=http://127.0.0.1:1"))
    monkeypatch.setitem(app.dependency_overrides, _store, lambda: nowhere)
    away = await registry.http.get(url, headers=headers)
    assert (away.status_code, away.headers["retry-after"]) == (503, "1")
    assert (await share(registry, party)).status_code == 503


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket", "s3://", "s3://user@bucket", "s3://user:secret@bucket", "s3://bucket:9000", "s3://bucket#part", "s3://bucket?colour=red",
        "s3://bucket?endpoint=ftp://host", "s3://bucket?endpoint=", "s3://bucket?region=a&region=b", "bucket",
    ],
)  # fmt: skip
def test_addresses_of_other_forms_are_refused_at_start(settings: Settings, url: str) -> None:
    with pytest.raises(ValueError, match="files_url"):
        Settings.model_validate(settings.model_dump() | {"files_url": url})


def test_the_address_comes_from_the_environment_and_one_store_is_needed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings.model_dump() | {"files_dir": None}
    given.pop("files_url")
    with pytest.raises(ValueError, match="files_dir or files_url"):
        Settings(**given)
    monkeypatch.setenv("CDS_FILES_URL", "s3://cds-files/registry?region=eu-central-1")
    assert isinstance(file_store(Settings(**given)), ObjectStore)
    assert isinstance(file_store(settings), DirectoryStore)
