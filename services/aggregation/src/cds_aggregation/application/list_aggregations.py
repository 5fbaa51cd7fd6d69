"""List Aggregations, and read the maps of their regions (CDS-WG3-01 §10.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.errors import RegionNotFound
from cds_aggregation.domain.rules import Rules
from cds_aggregation.persistence.aggregations_read import AggregationFilters, find_visible, page_of_aggregations
from cds_common import exact_json
from cds_common.grant_copy import Access, log_access
from cds_common.ids import resource_id
from cds_common.paging import PageRequest
from cds_common.utility.paths import DOCS

_PLACES = {"country": "countries", "province": "provinces", "municipality": "municipalities", "premise_number": "premise_numbers"}
_AREAS = {"postal_code": "postal_codes", "county": "counties", "neighborhood": "neighborhoods", "city_block": "city_blocks"}


@dataclass(frozen=True, slots=True)
class ListedAggregations:
    """One page."""

    aggregations: list[dict[str, Any]]
    next: str | None
    previous: str | None


async def list_aggregations(
    session: AsyncSession, access: Access, filters: AggregationFilters, paging: PageRequest, rules: Rules, now: datetime
) -> ListedAggregations:
    """The Aggregations that the token sees."""
    page = await page_of_aggregations(session, access, filters, paging, now)
    await log_access(session, access, endpoint="aggregations", object_ids=[row.aggregation_id for row in page.rows])
    public_url = paging.settings.public_url
    latest = _frozen_at(access, now)
    shown = [_object(row, access, rules, public_url) | {"cds_synced": min(row.synced, latest or row.synced)} for row in page.rows]
    return ListedAggregations(shown, page.next, page.previous)


async def get_region_map(session: AsyncSession, access: Access, aggregation_id: UUID, region_id: str, now: datetime) -> bytes:
    """The GeoJSON (RFC 7946) of a region.

    Raises:
        RegionNotFound: the token sees no such Aggregation, or it has no such map.
    """
    row = await find_visible(session, access, aggregation_id, now)
    for region in [] if row is None else row.body["regions"]:
        if _region_id(access, region) == region_id and region["geojson"] is not None:
            await log_access(session, access, endpoint="aggregation-regions", object_ids=[aggregation_id])
            return exact_json.encode(region["geojson"])
    raise RegionNotFound("There is no such map")


def _frozen_at(access: Access, now: datetime) -> datetime | None:
    """The moment after which no entry shows anything; None while one is live (§7.3.1)."""
    moments = [access.frozen_at(slot, now) for slot in access.slots()]
    frozen = [moment for moment in moments if moment is not None]
    return max(frozen) if frozen and len(frozen) == len(moments) else None


def _object(row: Any, access: Access, rules: Rules, public_url: str) -> dict[str, Any]:
    scope = rules.usage_scope if row.has_data and row.aggregation_number is not None else None
    shown: dict[str, Any] = {
        "cds_aggregation_id": str(row.aggregation_id),
        "cds_created": row.created,
        "cds_modified": row.modified,
        "cds_synced": row.synced,
        "aggregation_types": row.aggregation_types,
        "aggregation_number": row.aggregation_number,
        "scope": scope or "",
        "authorization_details": [{"type": scope, "aggregation_numbers": [row.aggregation_number]}] if scope else [],
        "grouped_accounts": [str(one) for one in row.accounts],
        "grouped_servicecontracts": [str(one) for one in row.contracts],
        "grouped_servicepoints": [str(one) for one in row.points],
        "grouped_meterdevices": [str(one) for one in row.meters],
        "grouped_aggregations": [str(one) for one in row.children],
        "grouped_regions": [_region(region, row.aggregation_id, access, public_url) for region in row.body["regions"]],
        "consent_requirements": [_consent_requirement(row.requirement, public_url)],
    }
    if row.addresses_open:
        shown["grouped_addresses"] = row.addresses
    shown |= row.body["criteria"] | row.body.get("additional_fields", {})
    return shown | {field: row.body[field] for kind, field in _PLACES.items() if kind in row.aggregation_types}


def _region(region: Mapping[str, Any], aggregation_id: UUID, access: Access, public_url: str) -> dict[str, Any]:
    region_id = _region_id(access, region)
    shown: dict[str, Any] = {"id": region_id, "name": region["name"], "types": region["types"]}
    if "geographic" in region["types"]:
        address = f"{public_url}/cds/v1/aggregations/{aggregation_id}/regions/{quote(region_id)}/geojson"
        shown |= {"map_resource": None, "map_content_type": None, "geojson_resource": address}
    shown |= {field: region[field] or [] for kind, field in _AREAS.items() if kind in region["types"]}
    return shown | region.get("additional_fields", {})


def _region_id(access: Access, region: Mapping[str, Any]) -> str:
    return str(resource_id(access.environment, "part", f"region\x1f{region['region_ref']}"))


def _consent_requirement(requirement: str, public_url: str) -> dict[str, Any]:
    """One rule for every group: the thresholds of the utility's jurisdiction, in the state of their evaluation (§10.7.6)."""
    return {
        "id": "privacy-threshold",
        "name": "Privacy threshold for combined usage",
        "types": [requirement],
        "documentation": f"{public_url}{DOCS}#aggregation-consents",
    }
