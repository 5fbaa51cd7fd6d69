"""Compact JWE, read back by implementations of other authors."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey

from cds_common.jwe import JweWriter
from cds_common.testing.encryption import ALGORITHMS, CLIENT_KEY, PUBLIC_JWK
from cds_common.testing.node import NODE

DECRYPT = """
import {readFileSync} from "node:fs"; import {createRequire} from "node:module"; import {pathToFileURL} from "node:url";
const jose = await import(pathToFileURL(createRequire(process.argv[1] + "/").resolve("jose")));
const {key, text} = JSON.parse(readFileSync(0, "utf8"));
const found = await jose.compactDecrypt(text, await jose.importJWK(key, "ECDH-ES"));
console.log(JSON.stringify({header: found.protectedHeader, text: new TextDecoder().decode(found.plaintext)}));
"""


def written(key: dict[str, Any], *pieces: bytes, media_type: str = "application/json") -> bytes:
    writer = JweWriter(key, media_type)
    return b"".join((writer.start(), *(writer.update(piece) for piece in pieces), writer.finish()))


@pytest.mark.req("WG3B-270", "WG3B-271")
@pytest.mark.parametrize("curve", ["P-256", "P-384"])
@pytest.mark.parametrize("algorithm", [None, "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"])
def test_the_holder_of_the_private_key_reads_it(curve: Any, algorithm: str | None) -> None:
    key = ECKey.generate_key(curve, {"use": "enc"} | ({"alg": algorithm} if algorithm else {}), private=True)
    text = written(key.as_dict(private=False), b'{"a"', b':"secret"}')
    found = jwe.decrypt_compact(text, key, algorithms=ALGORITHMS)
    assert found.plaintext == b'{"a":"secret"}'
    assert (found.protected["alg"], found.protected["enc"], found.protected["cty"]) == (algorithm or "ECDH-ES", "A256GCM", "json")
    assert b"secret" not in text


@given(st.lists(st.binary(max_size=50), max_size=12))
def test_pieces_of_any_size_are_one_text(pieces: list[bytes]) -> None:
    found = jwe.decrypt_compact(written(PUBLIC_JWK, *pieces), CLIENT_KEY, algorithms=ALGORITHMS)
    assert found.plaintext == b"".join(pieces)
    assert found.protected["kid"] == "phone-1"


def test_no_two_texts_share_key_or_nonce() -> None:
    one, two = (written(PUBLIC_JWK, b"same").split(b".") for _ in range(2))
    assert all(one[part] != two[part] for part in (0, 2, 3, 4))


def test_a_changed_text_is_not_accepted() -> None:
    text = bytearray(written(PUBLIC_JWK, b"x" * 90))
    text[-40] ^= 1
    with pytest.raises(Exception, match=r"(?i)decode|decrypt|tag|base64"):
        jwe.decrypt_compact(bytes(text), CLIENT_KEY, algorithms=ALGORITHMS)


@pytest.mark.req("WG3B-271")
def test_a_javascript_client_reads_it(node_modules: Path) -> None:
    text = written(PUBLIC_JWK, b'{"amount":10.0}', media_type="application/problem+json")
    sent = json.dumps({"key": CLIENT_KEY.as_dict(private=True), "text": text.decode()})
    command = [str(NODE), "--input-type=module", "-e", DECRYPT, str(node_modules)]
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["text"] == '{"amount":10.0}'
    assert (found["header"]["alg"], found["header"]["cty"]) == ("ECDH-ES", "problem+json")
