"""Aggregations of every type: a public region with a map, a block, groups by criterion, by number, and a group of groups (§10.7)."""

from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from cds_cli.demo_utility.cast import HOUSEHOLDS, LANTERN_COURT
from cds_cli.demo_utility.showcase import base
from cds_common.events.utility import AggregationRecordedV1, Region

_SQUARE = [[[-123.46, 48.08], [-123.38, 48.08], [-123.38, 48.13], [-123.46, 48.13], [-123.46, 48.08]]]
TOWN = Region(
    region_ref="R-TOWN",
    name="Port Alder",
    types=["geographic", "postal_code", "county"],
    geojson={"type": "Polygon", "coordinates": _SQUARE},
    postal_codes=["98000", "98001", "98002", "98003"],
    counties=["Alder"],
    additional_fields={"hlp_shore_km": {"number": "11.4"}},  # type: ignore[dict-item]
)
BLOCK = Region(
    region_ref="R-BLOCK",
    name="Waterfront",
    types=["neighborhood", "city_block"],
    neighborhoods=["Waterfront"],
    city_blocks=["1-25 Lantern Court, Port Alder, Washington, US"],
)


def _points(commodity: str) -> list[str]:
    found = [
        service.point_ref
        for house in HOUSEHOLDS
        if house.environment == "sandbox"
        for service in house.services
        if service.commodity == commodity
    ]
    return list(dict.fromkeys(found))


def _group(ref: str, name: str, *types: Any, since: date = date(2025, 9, 1), **members: Any) -> AggregationRecordedV1:
    return AggregationRecordedV1(
        **base("aggregation", ref, since),
        aggregation_ref=f"AGG-{ref}",
        aggregation_number=ref,
        name=name,
        aggregation_types=list(types),
        **members,
    )


def aggregations() -> Iterator[AggregationRecordedV1]:
    """One by one; each is open, listed or confidential, and says what its types ask for."""
    flats = [service.point_ref for household in LANTERN_COURT.members for service in household.services]
    yield _group(
        "PORT-ALDER",
        "All of Port Alder",
        "public",
        "region",
        "country",
        "province",
        "municipality",
        servicepoint_refs=_points("electric"),
        regions=[TOWN],
        countries=["US"],
        provinces=["Washington"],
        municipalities=["Port Alder"],
        additional_fields={"hlp_feeder": "7-N"},
    )
    yield _group("WATERFRONT", "Waterfront block", "listed", "local", servicepoint_refs=flats[:6], regions=[BLOCK])
    yield _group(
        "DISTRICT",
        "Lantern Court and the block",
        "listed",
        "building",
        member_aggregation_refs=[LANTERN_COURT.ref, "AGG-WATERFRONT"],
        grouped_addresses=[LANTERN_COURT.address],
    )
    criteria = {
        "account_types": ["residential"],
        "account_program_numbers": ["BB-1"],
        "service_types": ["natural_gas"],
        "rateplan_code": ["GAS-H"],
        "service_program_numbers": ["PS-4"],
        "servicepoint_types": ["natural_gas"],
        "meter_types": ["natural_gas_usage"],
        "meter_app_numbers": ["APP-LOAD"],
    }
    yield _group(
        "GAS-HOMES",
        "Gas homes",
        "confidential",
        "account_type",
        "account_program_number",
        "service_type",
        "rateplan_code",
        "service_program_number",
        "servicepoint_type",
        "premise_number",
        "meter_type",
        "meter_app_number",
        servicepoint_refs=_points("natural_gas"),
        premise_numbers=["PR-LANTERN"],
        criteria=cast("Any", criteria),
    )
    yield _group(
        "CHOSEN",
        "Chosen by their numbers",
        "confidential",
        "account_number",
        "contract_number",
        "servicepoint_number",
        "meter_number",
        servicepoint_refs=_points("water"),
    )
