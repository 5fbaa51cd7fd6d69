"""A client's key pair, and its view of an encrypted answer."""

from typing import Any

import httpx
from joserfc import jwe
from joserfc.jwk import ECKey

CLIENT_KEY = ECKey.generate_key("P-256", {"use": "enc", "kid": "phone-1"}, private=True)
PUBLIC_JWK: dict[str, Any] = CLIENT_KEY.as_dict(private=False)
ALGORITHMS = ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW", "A256GCM"]


def opened(answer: httpx.Response, key: ECKey = CLIENT_KEY) -> tuple[bytes, str]:
    """Content and `cty` of an encrypted answer; fails when it is not one, or tells more than it must."""
    assert answer.headers["content-type"] == "application/jose"
    assert answer.headers["cache-control"] == "private, no-store"
    assert not {"etag", "content-disposition"} & set(answer.headers)
    found = jwe.decrypt_compact(answer.content, key, algorithms=ALGORITHMS)
    assert found.plaintext is not None
    return found.plaintext, found.protected["cty"]
