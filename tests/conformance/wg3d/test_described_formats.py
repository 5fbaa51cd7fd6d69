"""CDS-WG3-01 §10.8.6, §10.9.3, §10.7.5: what the metadata describes, and the pages behind it."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from cds_common.access.catalogue import SCOPE_TYPES, is_customer_data
from cds_common.events.vocabulary import AggregationType
from cds_common.testing.schemas import first_fault
from cds_common.utility import Utility
from cds_common.utility.customer_data import APIS
from cds_common.utility.parts import ValueTypeDescription
from cds_common.utility.wire import authorization_server_metadata
from tests.conformance.servers import Serve

OAUTH = "/.well-known/oauth-authorization-server"
STEAM = ValueTypeDescription(
    type="hlp_steam",
    name="Steam",
    description="Steam that was delivered",
    text="The Value Format has id, type and units (kg). The Value Object has st, a decimal: the mass that was delivered.",
    occurs="For buildings on the steam network of the inner city.",
    example_format={"id": "steam-1", "type": "hlp_steam", "units": "kg"},
    example_values=[[{"st": 12.5}], [None]],
)


@pytest.mark.req("WG3D-187", "WG3D-188", "WG3D-202", "WG3D-203")
async def test_a_further_value_type_is_described_in_the_metadata_and_on_its_page(serve: Serve, utility: Utility) -> None:
    async with serve(utility.model_copy(update={"additional_value_types": [STEAM]})) as registry:
        found = (await registry.http.get(OAUTH)).json()["cds_usagesegments_additional_value_types"]
        assert list(found) == ["hlp_steam"]
        described: dict[str, Any] = found["hlp_steam"]
        assert first_fault("value-type-description.json", described) is None
        assert (described["type"], described["name"], described["description"]) == ("hlp_steam", "Steam", "Steam that was delivered")
        page = await registry.http.get(urlsplit(described["documentation"]).path)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        for told in (STEAM.text, STEAM.occurs, "&#34;units&#34;: &#34;kg&#34;", "&#34;st&#34;: 12.5"):
            assert str(told) in page.text
        assert (await registry.http.get("/docs/value-types/hlp_other")).status_code == 404


@pytest.mark.req("WG3D-187")
async def test_without_further_value_types_the_map_is_empty_and_there(serve: Serve, utility: Utility) -> None:
    async with serve(utility) as registry:
        assert (await registry.http.get(OAUTH)).json()["cds_usagesegments_additional_value_types"] == {}


@pytest.mark.req("WG3D-188")
@pytest.mark.parametrize("name", ["electric_usage", "cost", "steam", "cds_steam", "Hlp_steam", "_steam"])
def test_a_further_value_type_has_a_prefix_of_the_utility(name: str) -> None:
    with pytest.raises(ValidationError):
        ValueTypeDescription(type=name, name="x", description="x", text="x")


@pytest.mark.req("WG3D-218", "WG3D-222")
async def test_each_certificate_format_is_described_and_documented(serve: Serve, utility: Utility) -> None:
    async with serve(utility) as registry:
        metadata = (await registry.http.get(OAUTH)).json()
        assert "cds_eacs_api" in metadata
        assert set(metadata["cds_eac_formats"]) == {each.id for each in utility.eac_formats} != set()
        for key, described in metadata["cds_eac_formats"].items():
            assert first_fault("eac-data-format-description.json", described) is None
            assert described["id"] == key
            page = await registry.http.get(urlsplit(described["documentation"]).path)
            assert page.status_code == 200
            assert described["description"] in page.text


@pytest.mark.req("WG3D-007")
def test_no_scope_opens_a_kind_of_object_whose_listing_is_missing(utility: Utility) -> None:
    members = {flag: member for flag, member, _ in APIS}
    seen = 0
    for offer in utility.scopes:
        if not is_customer_data(offer.type):
            continue
        found = authorization_server_metadata(utility, "https://cds.hlp.example", scopes=[offer.id])
        fields = {each["id"] for each in found["cds_scope_descriptions"][offer.id]["authorization_details_fields_supported"]}
        for flag in (fields | set(SCOPE_TYPES[offer.type].implied)) & members.keys():
            assert found[members[flag]].startswith("https://cds.hlp.example/cds/v1/"), (offer.id, flag)
            seen += 1
    assert seen > 40


@pytest.mark.req("WG3D-164")
async def test_the_consent_requirement_links_to_the_thresholds_in_force(serve: Serve, utility: Utility) -> None:
    types: list[AggregationType] = ["public", "region"]
    strict = utility.privacy[0].model_copy(update={"min_customers": 77, "aggregation_types": types, "window": "P13M"})
    async with serve(utility.model_copy(update={"privacy": [*utility.privacy, strict]})) as registry:
        page = (await registry.http.get("/docs")).text
    section = page.partition('id="aggregation-consents"')[2].partition("<h2")[0]
    for told in ("privacy-threshold", "<td>15</td>", "15 %", "P1Y", "public, region", "<td>77</td>", "P13M"):
        assert told in section
