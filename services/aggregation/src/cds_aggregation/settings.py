"""What the aggregation service must be told before it starts."""

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from cds_common.settings import CommonSettings


class Settings(CommonSettings):
    """Read from `CDS_AGGREGATION_*`, once, in `app.py` or `worker.py`."""

    model_config = SettingsConfigDict(env_prefix="CDS_AGGREGATION_", frozen=True, extra="ignore")

    service: ClassVar[str] = "aggregation"
