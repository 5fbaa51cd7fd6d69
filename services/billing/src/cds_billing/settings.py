"""What the billing service must be told before it starts."""

from functools import cached_property
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic_settings import SettingsConfigDict

from cds_common.settings import CommonSettings
from cds_common.utility import load_utility


class Settings(CommonSettings):
    """Read from `CDS_BILLING_*`, once, in `app.py` or `worker.py`."""

    model_config = SettingsConfigDict(env_prefix="CDS_BILLING_", frozen=True, extra="ignore")

    service: ClassVar[str] = "billing"

    def zone(self) -> ZoneInfo:
        """`cds_timezone` of the utility, in which billing periods begin and end at midnight; UTC without a utility file."""
        return self._zone

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo("UTC") if self.utility_config is None else load_utility(self.utility_config).tz
