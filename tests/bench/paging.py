"""Deep pages of a long list cost what the first one costs."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from cds_accounts.settings import Settings
from cds_common.paging import PageRequest, Turn
from tests.bench import loader
from tests.bench.frame import Benchmark, Figure, Goal, in_turn
from tests.bench.world import World
from tests.e2e.support import query, until

ROWS, PAGES = 1_000_300, (1_000, 10_000)
# Straight into the table: a list of a million accounts is needed, and how it came about does not matter to a page.
_FILL = """
    INSERT INTO account (cds_account_id, environment, ref, valid_from, recorded_at, newest, cds_created, cds_modified, cds_synced, digest,
        document, customer_ids, account_number, account_types, account_status, contact_values, program_numbers)
    SELECT gen_random_uuid(), 'sandbox', 'BENCH-P-' || n, at, at, true, at, at, at, '\\x00',
        '{{"account_number":"P-' || n || '"}}', ARRAY[]::uuid[], 'P-' || n, ARRAY['customer'], 'active', ARRAY[]::text[], ARRAY[]::text[]
    FROM (SELECT n, timestamptz '2024-01-01Z' + n * interval '1 second' AS at FROM generate_series(1, {rows}) n) numbered
"""
_POSITION = """
    SELECT cds_modified, cds_account_id FROM account WHERE environment = 'sandbox' AND newest
    ORDER BY cds_modified DESC, cds_account_id OFFSET $1 LIMIT 1
"""


def run(world: World) -> Iterator[Figure]:
    """Median time of a page at one connection, through the ingress; the floor is page 1 in the same turn."""
    token = query(world.client, "cds_query_accounts", include_account_numbers=True)
    until(
        "page 1",
        lambda: True if world.client.wire.send("GET", world.client.api("cds_accounts_api"), bearer=token).json()["accounts"] else None,
    )
    world.sql("accounts", _FILL.format(rows=ROWS))
    world.sql("accounts", "ANALYZE account")
    paths = {"p1": "/cds/v1/accounts"} | {f"p{number}": _path(world, token, number) for number in PAGES}

    def timed(path: str) -> float:
        load = loader.run(world.ingress, loader.get(path, world.host, token), connections=1, seconds=world.seconds / 2)
        assert not load.failures, load.statuses
        return load.percentiles["p50"]

    taken = in_turn(world.rounds, **{name: (lambda path=path: timed(path)) for name, path in paths.items()})
    world.sql("accounts", "DELETE FROM account WHERE ref LIKE 'BENCH-P-%'")
    yield Figure("page 1 of a list of a million accounts", "ms", taken["p1"])
    for number in PAGES:
        goals = (Goal("floor", 1.3, at_most=True),)
        yield Figure(f"page {number:,}", "ms", taken[f"p{number}"], taken["p1"], (), {}, goals, "100 accounts a page")


def _path(world: World, token: str, number: int) -> str:
    """The link to a page, as the page before it would give: a client would follow 9,999 links."""
    variables = {name.removeprefix("CDS_ACCOUNTS_").lower(): value for name, value in world.stack.environment("accounts").items()}
    settings = Settings.model_validate(variables)
    row = world.sql("accounts", _POSITION, (number - 1) * 100 - 1)[0]
    first = world.client.wire.send("GET", world.client.api("cds_accounts_api"), bearer=token).json()
    claims = _claims(token)
    identity = " ".join((claims["environment"], claims["client_id"], *sorted(claims["cds_grant_ids"])))
    turn = Turn(PageRequest(settings, "/cds/v1/accounts", (), None), name="accounts", identity=identity, length=2)
    rows: list[Any] = [None] * 101
    link = turn.page(rows, lambda _row: (row["cds_modified"], row["cds_account_id"])).next
    assert link is not None
    assert len(first["accounts"]) == 100
    return link.removeprefix(world.stack.public_url)


def _claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


BENCHMARK = Benchmark("paging", "Deep pages", run, floor="page 1 of the same list in the same turn")
