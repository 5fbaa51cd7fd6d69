"""Alembic's entry: this service's tables, everything else is common."""

from cds_aggregation.persistence.tables import Base
from cds_common import migrating

migrating.run("aggregation", Base.metadata)
