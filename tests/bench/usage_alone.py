"""The usage service by itself, with tokens of its own: the process whose memory `streaming` reads, so that it loads nothing else."""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from cds_common.grant_copy.testing import NoPeers
from cds_common.testing.tokens import TokenMaker
from cds_usage.app import create_app
from cds_usage.settings import Settings

ROOT = Path(__file__).parents[2]


def settings_of(url: str) -> Settings:
    """The service on this database, with Grants that stay fresh for an hour."""
    return Settings(
        database_url=url,
        kafka_bootstrap_servers="localhost:1",
        internal_key="b" * 40,
        utility_config=ROOT / "config/utility.yaml",
        staleness_limit="3600",
    )  # type: ignore[arg-type]


def serve(url: str, port: int) -> None:
    """Serve; prints the headers of two tokens first."""
    settings = settings_of(url)
    maker, app = TokenMaker(settings), create_app(settings)
    sys.stdout.write(json.dumps({name: maker.headers(scope="bench", cds_grant_ids=[name]) for name in ("plain", "jwk")}) + "\n")
    sys.stdout.flush()

    async def with_tokens(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["state"] |= {"tokens": maker.verifier, "peers": NoPeers()}
        await app(scope, receive, send)

    uvicorn.run(with_tokens, host="127.0.0.1", port=port, log_level="warning", lifespan="on")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
