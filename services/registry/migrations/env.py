"""Alembic's entry: this service's tables, everything else is common."""

from cds_common import migrating
from cds_registry.persistence.tables import Base

migrating.run("registry", Base.metadata)
