"""What holds over all data of the loaded stack: relations, sums, signs."""

from typing import Any

import pytest

from cds_cli.checking.amounts import compared
from cds_cli.checking.invariants import CHECKS
from cds_cli.checking.reading import LISTINGS as ALL_LISTINGS
from cds_cli.checking.reading import Seen, read_everything, wide_token
from cds_cli.checking.relations import unresolved
from cds_cli.journey.story import Story
from tests.e2e.support import until

pytestmark = [pytest.mark.slow]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def seen(reader: Story) -> Seen:
    """Everything that direct access shows, once all of the demo utility's sections are there."""

    def complete() -> Seen | None:
        found = read_everything(reader.client, wide_token(reader.client))
        return found if compared(found) >= MEASURED and not list(unresolved(found)) else None

    return until("the whole demo utility", complete, 120)


MEASURED = 30
"""Billed quantities of the demo utility that meter data covers: three months of some ten services."""


@pytest.mark.req("WG3D-006")
def test_every_listing_is_found_through_the_metadata_and_shows_the_demo_utility(seen: Seen) -> None:
    assert {key: bool(objects) for key, objects in seen.objects.items()} == dict.fromkeys(ALL_LISTINGS, True)


@pytest.mark.req("WG3D-041", "WG3D-094", "WG3D-109", "WG3D-136", "WG3D-191", "WG3D-193", "WG3D-196")
@pytest.mark.parametrize("check", CHECKS, ids=lambda name: name.replace(" ", "-"))
def test_the_data_holds_together(seen: Seen, check: str) -> None:
    assert list(CHECKS[check](seen))[:10] == []


def test_every_value_type_is_shown(seen: Seen) -> None:
    types = {form["type"] for segment in seen["usage_segments"] for form in segment["formats"]}
    assert types == {
        "electric_usage", "electric_demand", "electric_supply_mix", "water_usage", "natural_gas_usage", "fuel_oil_usage", "cost",
        "meter_readings",
    }  # fmt: skip
