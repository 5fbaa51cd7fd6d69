"""Alembic's entry: this service's tables, everything else is common."""

from cds_auth.persistence import tables
from cds_auth.persistence.customer_tables import CustomerRow
from cds_common import migrating

# The import of the customer half's rows is what puts its tables on the metadata.
assert CustomerRow.metadata is tables.Base.metadata  # noqa: S101

migrating.run("auth", tables.Base.metadata)
