"""Alembic's entry: this service's tables, everything else is common."""

from cds_common import migrating
from cds_usage.persistence.tables import Base

migrating.run("usage", Base.metadata)
