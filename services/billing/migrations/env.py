"""Alembic's entry: this service's tables, everything else is common."""

from cds_billing.persistence.tables import Base
from cds_common import migrating

migrating.run("billing", Base.metadata)
