"""The parts of the utility's file that usage works with."""

from pathlib import Path

from cds_common.utility import Utility, ValueFormat, load_utility
from cds_usage.domain.calendar import Calendar
from cds_usage.domain.series import SHAPE_FIELDS
from cds_usage.domain.value_formats import CatalogueFormat, FormatCatalogue

_CADENCES = {"quarter_hour": "900", "hour": "3600", "day": "day", "month": "month"}


def read_utility(path: Path | None) -> tuple[Calendar, FormatCatalogue]:
    """Time zone and value formats.

    Raises:
        ValueError: no file is named.
        UtilityError: the file has faults.
    """
    if path is None:
        raise ValueError("CDS_USAGE_UTILITY_CONFIG names the utility's file")
    utility = load_utility(path)
    return Calendar(utility.cds_timezone), catalogue_of(utility)


def read_eac_formats(path: Path) -> frozenset[str]:
    """Ids of the certificate formats that the metadata describes.

    Raises:
        UtilityError: the file has faults.
    """
    return frozenset(each.id for each in load_utility(path).eac_formats)


def catalogue_of(utility: Utility) -> FormatCatalogue:
    """The value formats in the order of the file."""
    return FormatCatalogue(_format(each) for each in utility.value_formats)


def _format(each: ValueFormat) -> CatalogueFormat:
    values = each.model_dump() | {"value_type": each.type}
    shape = tuple((name, str(values[name])) for name in SHAPE_FIELDS if values.get(name) is not None)
    return CatalogueFormat(each.id, shape, None if each.interval is None else _CADENCES[each.interval], each.quality)
