"""Where the utility's configuration comes from."""

from pathlib import Path

from cds_common.settings import CommonSettings
from cds_common.utility import Utility, load_utility


def configured_utility(settings: CommonSettings) -> tuple[Utility, Path]:
    """The configuration, and the folder beside which its maps and logo lie.

    Raises:
        RuntimeError: no file is named.
        UtilityError: the file breaks a rule.
    """
    if settings.utility_config is None:
        raise RuntimeError("CDS_REGISTRY_UTILITY_CONFIG must name the utility's configuration file")
    return load_utility(settings.utility_config), settings.utility_config.parent
