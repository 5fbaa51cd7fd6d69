"""Published maps are GeoJSON in WGS 84, longitude before latitude (RFC 7946; CDS-WG1-01 §4.3)."""

from collections.abc import Iterator
from typing import Any, cast

from cds_common import exact_json

_TYPES = frozenset(
    {
        "FeatureCollection", "Feature", "GeometryCollection", "Polygon", "MultiPolygon", "Point", "MultiPoint", "LineString",
        "MultiLineString",
    }
)  # fmt: skip


def checked_geojson(text: bytes) -> bytes:
    """Give `text` back when it is what we may publish as geojson_resource.

    Raises:
        ValueError: it is not.
    """
    document: Any = exact_json.decode(text)
    if not isinstance(document, dict) or document.get("type") not in _TYPES or "crs" in document:  # pyright: ignore[reportUnknownMemberType]
        raise ValueError("not a GeoJSON object of RFC 7946")
    found = False
    for longitude, latitude in _positions(document):
        found = True
        if abs(longitude) > 180 or abs(latitude) > 90:
            raise ValueError("a position lies outside WGS 84; longitude comes first")
    if not found:
        raise ValueError("the GeoJSON object holds no position")
    return text


def _positions(part: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(part, dict):
        members = cast("dict[str, Any]", part)
        for name in ("features", "geometries", "geometry", "coordinates"):
            yield from _positions(members.get(name))
    elif isinstance(part, list):
        items = cast("list[Any]", part)
        if len(items) >= 2 and not isinstance(items[0], list | dict):
            yield items[0], items[1]
        else:
            for item in items:
                yield from _positions(item)
