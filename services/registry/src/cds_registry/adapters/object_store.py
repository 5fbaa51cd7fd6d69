"""Server-Provided Files in an S3-compatible object store (`CDS_FILES_URL`)."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from cds_common.errors import TransientError
from cds_registry.adapters.file_store import StoredFile, checked_key

_CHUNK = 256 * 1024
_PARAMETERS = frozenset({"endpoint", "region"})


def bucket_of(url: str, *, request_seconds: int = 60) -> S3Store:
    """The bucket that `s3://bucket[/prefix][?endpoint=https://host&region=name]` names.

    Keys come as S3 tools expect them: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a web identity, or the machine's own role.

    Raises:
        ValueError: the address is not of this form.
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True) if parts.query else []
    wanted = dict(pairs)
    if parts.scheme != "s3" or not parts.hostname or parts.netloc != parts.hostname or parts.fragment:
        raise ValueError("must be s3://bucket/prefix without user, port and fragment")
    if len(wanted) != len(pairs) or not wanted.keys() <= _PARAMETERS:
        raise ValueError("takes the parameters endpoint and region, each once")
    endpoint = wanted.get("endpoint")
    if endpoint is not None and (urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).hostname):
        raise ValueError("endpoint must be an http(s) address")
    endpoint_of: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    return S3Store(
        parts.hostname,
        prefix=parts.path.strip("/") or None,
        region=wanted.get("region", "us-east-1"),
        **endpoint_of,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http:"),
            "connect_timeout": "3s",
            "timeout": f"{request_seconds}s",
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
    )


class ObjectStore:
    """Objects below one prefix of a bucket; an object appears only when it is whole."""

    def __init__(self, bucket: S3Store) -> None:
        self._bucket = bucket

    async def put(self, content: bytes) -> StoredFile:
        """Send the bytes; the signature of the request covers them.

        Raises:
            TransientError: the store cannot be reached or refuses.
        """
        digest = hashlib.sha256(content).hexdigest()
        key = f"{digest[:2]}/{digest}-{secrets.token_hex(8)}"
        with _outages():
            await self._bucket.put_async(key, content)
        return StoredFile(key, len(content), digest)

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Stream a part of the object as it arrives.

        Raises:
            TransientError: the store cannot be reached or refuses.
            OSError: the object is missing or shorter than its record.
        """
        left = length
        with _outages():
            found = await self._bucket.get_async(checked_key(key), options={"range": (start, start + length)})
            async for chunk in found.stream(_CHUNK):
                left -= len(chunk)
                yield bytes(chunk)
        if left:
            raise OSError("the stored file is shorter than its record")

    async def delete(self, key: str) -> None:
        """Remove the object if it is there.

        Raises:
            TransientError: the store cannot be reached or refuses.
        """
        with _outages():
            await self._bucket.delete_async(checked_key(key))


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as missing:
        raise OSError("the stored file is missing") from missing
    except BaseError as failed:
        raise TransientError("The file store does not answer") from failed
