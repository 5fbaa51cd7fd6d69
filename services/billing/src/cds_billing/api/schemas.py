"""Answers of the billing API (CDS-WG3-01 §10.5, §10.6)."""

from typing import Any

from cds_common.wire import CdsModel


class BillStatementsOut(CdsModel):
    """§10.5.4."""

    bill_statements: list[dict[str, Any]]
    next: str | None
    previous: str | None


class BillSectionsOut(CdsModel):
    """§10.6.9."""

    bill_sections: list[dict[str, Any]]
    next: str | None
    previous: str | None
