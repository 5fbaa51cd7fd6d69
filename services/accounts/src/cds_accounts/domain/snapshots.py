"""From the stored relations of a neighbourhood to what is published about each object in it (`ResourcePublishedV1`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cds_common.events.resources import ResourceKind, ResourcePublishedV1, Tenure


@dataclass(frozen=True)
class Neighbourhood:
    """Versions of a few objects by kind and id, as they stood at one moment; rows have the columns of their tables."""

    rows: Mapping[ResourceKind, Mapping[UUID, Any]]
    zone: ZoneInfo
    points_of_contract: dict[UUID, list[UUID]] = field(default_factory=dict[UUID, list[UUID]])
    meters_at_point: dict[UUID, list[UUID]] = field(default_factory=dict[UUID, list[UUID]])

    def __post_init__(self) -> None:
        for point in self.rows["service_point"].values():
            for contract in point.contract_ids:
                self.points_of_contract.setdefault(contract, []).append(point.object_id)
        for meter in self.rows["meter_device"].values():
            for point in meter.point_ids:
                self.meters_at_point.setdefault(point, []).append(meter.object_id)

    def snapshots(self, ids: Iterable[UUID]) -> Iterator[ResourcePublishedV1]:
        """Publishable snapshots (version 0) of those of `ids` that exist; complete if the neighbourhood is."""
        wanted = set(ids)
        make = {"account": self._account, "service_contract": self._contract, "service_point": self._point, "meter_device": self._meter}
        for kind, rows in self.rows.items():
            for object_id in sorted(wanted & rows.keys()):
                row = rows[object_id]
                yield ResourcePublishedV1(
                    environment=row.environment, kind=kind, resource_id=object_id, ref=row.ref, version=0, **make[kind](row)
                )

    def _account(self, row: Any) -> dict[str, Any]:
        return {
            "customer_ids": sorted(row.customer_ids),
            "customer_number": row.customer_number,
            "account_ids": [row.object_id],
            "parent_account_id": row.cds_account_parent,
            "number": row.account_number,
            "status": row.account_status,
            "name": row.account_name,
            "address": row.account_address,
            "types": row.account_types,
            "program_numbers": row.program_numbers,
        }

    def _contract(self, row: Any) -> dict[str, Any]:
        account = self.rows["account"].get(row.cds_account_id)
        own = self._own_time(row.object_id)
        return {
            "customer_ids": self._customers([row.object_id]),
            "customer_number": None if account is None else account.customer_number,
            "account_ids": [row.cds_account_id],
            "contracts": [own],
            "current_contract_ids": [row.object_id],
            "service_points": [own.model_copy(update={"id": point}) for point in sorted(self.points_of_contract.get(row.object_id, []))],
            "number": row.contract_number,
            "status": row.contract_status,
            "address": row.contract_address,
            "types": row.service_types,
            "rateplan_code": row.rateplan_code,
            "rateplan_name": row.rateplan_name,
            "program_numbers": row.program_numbers,
            "contract_start": row.contract_start,
            "contract_end": row.contract_end,
        }

    def _point(self, row: Any) -> dict[str, Any]:
        meters = [self.rows["meter_device"][meter] for meter in sorted(self.meters_at_point.get(row.object_id, []))]
        return {
            "customer_ids": self._customers(row.contract_ids),
            "account_ids": self._accounts(row.current_servicecontracts),
            "contracts": [self._own_time(contract) for contract in self._known(row.contract_ids)],
            "current_contract_ids": self._known(row.current_servicecontracts),
            "service_points": [Tenure(id=row.object_id)],
            "meter_devices": [
                Tenure(id=meter.object_id, start=start, end=end)
                for meter in meters
                for point, start, end in placements(meter)
                if point == row.object_id
            ],
            "number": row.servicepoint_number,
            "address": row.servicepoint_address,
            "types": row.servicepoint_types,
            "premise_numbers": row.premise_numbers,
        }

    def _meter(self, row: Any) -> dict[str, Any]:
        points = self.rows["service_point"]
        contracts = [
            tenure
            for point_id, start, end in placements(row)
            if point_id in points
            for contract in self._known(points[point_id].contract_ids)
            if (tenure := _shared(self._own_time(contract), start, end)) is not None
        ]
        current = [
            one for point in row.current_servicepoints if point in points for one in self._known(points[point].current_servicecontracts)
        ]
        everyone = [one for point in row.point_ids if point in points for one in points[point].contract_ids]
        addresses = [points[point].servicepoint_address for point in row.current_servicepoints if point in points]
        return {
            "customer_ids": self._customers(everyone),
            "account_ids": self._accounts(current),
            "contracts": contracts,
            "current_contract_ids": sorted(set(current)),
            "service_points": [Tenure(id=point, start=start, end=end) for point, start, end in placements(row)],
            "number": row.meter_number,
            "address": next((address for address in addresses if address), None),
            "types": row.meter_types,
            "app_numbers": row.app_numbers,
        }

    def _known(self, contracts: Iterable[UUID]) -> list[UUID]:
        """The contracts that have arrived: a tenure without its contract would be without bounds, and open what it must not."""
        return [one for one in contracts if one in self.rows["service_contract"]]

    def _own_time(self, contract: UUID) -> Tenure:
        """The time of a contract, which is also the time in which a point serves it.

        A contract that has left a point but runs on elsewhere has no known end there: it stands without `end` although it
        is not among the current ones, and nothing may be concluded from it (`cds_common.access.relations`).
        """
        row = self.rows["service_contract"][contract]
        # contract_end is the last day of the agreement; a tenure ends before its `end`.
        last = row.contract_end
        return Tenure(
            id=contract,
            start=_midnight(row.contract_start, self.zone),
            end=None if last is None or last == date.max else _midnight(last + timedelta(days=1), self.zone),
        )

    def _accounts(self, contracts: Iterable[UUID]) -> list[UUID]:
        rows = self.rows["service_contract"]
        return sorted({rows[one].cds_account_id for one in contracts if one in rows})

    def _customers(self, contracts: Iterable[UUID]) -> list[UUID]:
        accounts = self.rows["account"]
        return sorted({customer for one in self._accounts(contracts) if one in accounts for customer in accounts[one].customer_ids})


def placements(meter: Any) -> Iterator[tuple[UUID, datetime, datetime | None]]:
    """Where a meter was: point, start (inclusive), end (exclusive; None = still there)."""
    for one in meter.placements:
        end = one["end"]
        yield UUID(one["id"]), datetime.fromisoformat(one["start"]), None if end is None else datetime.fromisoformat(end)


def _shared(tenure: Tenure, start: datetime, end: datetime | None) -> Tenure | None:
    """The part of a tenure inside a placement, or None."""
    first = start if tenure.start is None else max(start, tenure.start)
    ends = [one for one in (end, tenure.end) if one is not None]
    last = min(ends) if ends else None
    return None if last is not None and first >= last else Tenure(id=tenure.id, start=first, end=last)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
