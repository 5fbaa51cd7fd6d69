"""Green Button account data as `utility.*` events: customers, accounts, contracts, service points, meters."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from cds_cli.loading.account_feeds import AccountStore, Resource
from cds_cli.loading.espi_to_utility import METERED
from cds_cli.loading.places import Place, Target, account_ref, common, moment, short_hash
from cds_cli.loading.summary import Summary, reason_of
from cds_common.events import vocabulary as v
from cds_common.events.utility import (
    AccountRecordedV1,
    Contact,
    ContractRecordedV1,
    CustomerRecordedV1,
    Entity,
    MeterPlacement,
    MeterRecordedV1,
    ServicePointRecordedV1,
    UtilityEvent,
)

_CLOSED = frozenset({"inactive", "terminated", "cancelled", "expired", "final"})
_USES: tuple[v.AccountType, ...] = ("residential", "commercial")
_SUPPLIERS: dict[str, v.EntityType] = {"utility": "distributor", "retailer": "retailer", "lse": "supplier"}


class AccountFeeds(AccountStore):
    """The account data of a load: its events, and where its usage points are."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target

    def events(self, summary: Summary) -> Iterator[UtilityEvent]:
        """Everything, in an order that needs no waiting. A resource that cannot be used is refused with file, line and reason."""
        steps: tuple[tuple[str, Callable[[Resource], Iterator[UtilityEvent]]], ...] = (
            ("CustomerAccount", self._account), ("CustomerAgreement", self._contract), ("ServiceLocation", self._points),
            ("Meter", self._meter),
        )  # fmt: skip
        for kind, step in steps:
            for resource in self.all(kind):
                try:
                    yield from step(resource)
                except ValueError as error:
                    summary.refuse(resource.source, resource.line, f"{kind}: {reason_of(error)}")

    def place(self, point: str) -> Place | None:
        """Where the readings of a usage point belong; None = no account data speaks of it."""
        located = self.location_of(point)
        location = None if located is None else self.get(located[0])
        if located is None or location is None:
            return None
        agreement = self._agreement_at(location, self.service_of(point))
        number = None if agreement is None else self._number_of(agreement)
        if agreement is None or not number:
            return None
        meters = self._meters_at(location, self.service_of(point))
        point_ref = self._point_ref(location, located[1])
        meter = _ref("MT", meters[0]) if len(meters) == 1 else point_ref.replace("SP-", "MT-", 1)
        return Place(account_ref(number), number, _ref("CT", agreement), point_ref, meter, described=True, metered=len(meters) == 1)

    def _common(self, resource: Resource, ref: str) -> dict[str, Any]:
        content = short_hash(f"{resource.kind} {sorted(resource.fields.items())}")
        return common(self._target, resource.updated, ref, content)

    def _account(self, account: Resource) -> Iterator[UtilityEvent]:
        number = account.fields.get("number")
        if not number:
            raise ValueError("no accountId")
        customer = next(iter(self.related(account.link, "Customer")), None)
        stated = account.fields if customer is None else customer.fields | account.fields
        customer_ref = f"CU-GB-{number if customer is None else short_hash(customer.link)}"
        name = (stated if customer is None else customer.fields).get("name") or f"Customer of account {number}"
        yield CustomerRecordedV1(
            **self._common(customer or account, customer_ref), customer_ref=customer_ref, name=name, email=stated.get("email")
        )
        kind = stated.get("kind", "").lower()
        used: list[v.AccountType] = [use for use in _USES if kind.startswith(use)]
        yield AccountRecordedV1(
            **self._common(account, account_ref(number)),
            account_ref=account_ref(number),
            customer_refs=[customer_ref],
            account_number=number,
            account_name=stated.get("name"),
            account_address=stated.get("address"),
            account_types=["customer", *used],
            account_status=_status(account, get_args(v.AccountStatus)),
            account_contacts=_contacts(stated),
        )

    def _number_of(self, agreement: Resource) -> str:
        accounts = self.related(agreement.link, "CustomerAccount")
        return accounts[0].fields.get("number", "") if len(accounts) == 1 else self._target.account_number

    def _contract(self, agreement: Resource) -> Iterator[UtilityEvent]:
        number = self._number_of(agreement)
        if not number:
            raise ValueError("it belongs to no one account of the feeds: give --account")
        start, end = self._dates(agreement)
        supplier = next(iter(self.related(agreement.link, "ServiceSupplier")), None)
        fields = agreement.fields
        yield ContractRecordedV1(
            **self._common(agreement, _ref("CT", agreement)),
            contract_ref=_ref("CT", agreement),
            account_ref=account_ref(number),
            contract_number=fields.get("number"),
            contract_entity=None if supplier is None else _entity(supplier),
            contract_types=["utility_service"],
            contract_status=_status(agreement, get_args(v.ContractStatus)),
            contract_start=start,
            contract_end=end,
            service_types=self._services(agreement),
            rateplan_code=fields.get("rate_code") or "STANDARD",
            rateplan_name=fields.get("rate_name") or "Standard",
        )

    def _services(self, agreement: Resource) -> list[Any]:
        stated = _words(agreement, get_args(v.ServiceType))
        if not stated:
            points = [point for location in self.related(agreement.link, "ServiceLocation") for point in self.points_of(location.link)]
            stated = [service for service in map(self.service_of, points) if service is not None]
        return list(dict.fromkeys(stated)) or ["metered"]

    def _dates(self, agreement: Resource) -> tuple[date, date | None]:
        """First and last day of an agreement; one that says no beginning begins when its entry was last changed."""
        start, duration = _second(agreement, "start"), _second(agreement, "duration")
        signed = _second(agreement, "signed")
        begin = start if start is not None else signed
        first = agreement.updated if begin is None else moment(begin)
        end = self._local(moment(start + duration)) if start is not None and duration else None
        return self._local(first), end

    def _local(self, at: datetime) -> date:
        return at.astimezone(self._target.zone).date()

    def _points(self, location: Resource) -> Iterator[UtilityEvent]:
        points: list[str | None] = [*self.points_of(location.link)] or [None]
        for point in points:
            service = None if point is None else self.service_of(point)
            agreement = self._agreement_at(location, service)
            types = _words(location, get_args(v.ServicePointType)) if service is None else [service, "single_service", "physical"]
            ref = self._point_ref(location, point)
            agreements = self.related(location.link, "CustomerAgreement") if point is None else [agreement] if agreement else []
            yield ServicePointRecordedV1(
                **self._common(location, ref + "".join(types) + "".join(_ref("CT", one) for one in agreements)),
                servicepoint_ref=ref,
                servicepoint_number=location.fields.get("number") or ref.removeprefix("SP-GB-"),
                servicepoint_types=types or ["physical"],  # type: ignore[arg-type]  # words of the enumeration
                servicepoint_address=location.fields.get("address"),
                latitude=_decimal(location, "latitude"),
                longitude=_decimal(location, "longitude"),
                current_contract_refs=[_ref("CT", one) for one in agreements if not self._over(one)],
                previous_contract_refs=[_ref("CT", one) for one in agreements if self._over(one)],
            )

    def _over(self, agreement: Resource) -> bool:
        """Whether an agreement had ended when its entry was written."""
        end = self._dates(agreement)[1]
        return (end is not None and end <= self._local(agreement.updated)) or _status(agreement, get_args(v.ContractStatus)) == "closed"

    def _point_ref(self, location: Resource, point: str | None) -> str:
        several = len(self.points_of(location.link)) > 1
        return _ref("SP", location) + (f"-{short_hash(point)}" if several and point is not None else "")

    def _agreement_at(self, location: Resource, service: v.ServicePointType | None) -> Resource | None:
        """The agreement of a location's usage point: the one of its service, else the first."""
        agreements = self.related(location.link, "CustomerAgreement")
        own = [one for one in agreements if service in one.fields.get("types", "").split()]
        return next(iter(own or agreements), None)

    def _meters_at(self, location: Resource, service: v.ServicePointType | None) -> list[Resource]:
        meters = self.related(location.link, "Meter")
        own = [one for one in meters if service is not None and METERED.get(service) in one.fields.get("types", "").split()]
        return own or meters

    def _meter(self, meter: Resource) -> Iterator[UtilityEvent]:
        locations = self.related(meter.link, "ServiceLocation")
        placements = [placement for location in locations for placement in self._placements(meter, location)]
        types = _words(meter, get_args(v.MeterType)) or ["virtual_meter" if meter.fields.get("virtual") == "true" else "physical_meter"]
        ref = _ref("MT", meter)
        yield MeterRecordedV1(
            **self._common(meter, ref + "".join(one.servicepoint_ref for one in placements)),
            meter_ref=ref,
            meter_number=meter.fields.get("number"),
            meter_types=types,  # type: ignore[arg-type]  # words of the enumeration
            placements=placements,
        )

    def _placements(self, meter: Resource, location: Resource) -> Iterator[MeterPlacement]:
        """At each usage point of the location that only this meter can measure."""
        installed = _second(meter, "installed")
        for point in [*self.points_of(location.link)] or [None]:
            service = None if point is None else self.service_of(point)
            if meter.link not in {one.link for one in self._meters_at(location, service)}:
                continue
            agreement = self._agreement_at(location, service)
            if installed is not None:
                start = moment(installed)
            elif agreement is not None:
                start = datetime.combine(self._dates(agreement)[0], time(), self._target.zone)
            else:
                start = meter.updated
            yield MeterPlacement(servicepoint_ref=self._point_ref(location, point), start=start)


def _ref(prefix: str, resource: Resource) -> str:
    """The utility's own number names a resource, so that it is the same one in every feed; else its address does."""
    return f"{prefix}-GB-{resource.fields.get('number') or short_hash(resource.link)}"


def _words(resource: Resource, known: tuple[str, ...]) -> list[str]:
    return [word for word in dict.fromkeys(resource.fields.get("types", "").split()) if word in known]


def _status(resource: Resource, known: tuple[str, ...]) -> Any:
    stated = resource.fields.get("status", "").lower()
    return stated if stated in known else "closed" if stated in _CLOSED else "unknown"


def _contacts(stated: dict[str, str]) -> list[Contact]:
    email, phone = stated.get("email"), stated.get("phone")
    found = [Contact(types=["email", "primary"], value=email)] if email else []
    return found + ([Contact(types=["phone_number", "primary"], value=phone)] if phone else [])


def _entity(supplier: Resource) -> Entity | None:
    name = supplier.fields.get("name")
    if not name:
        return None
    kind = _SUPPLIERS.get(supplier.fields.get("kind", "").lower(), "distributor")
    return Entity(entity_number=supplier.fields.get("number") or name, types=[kind], entity_name=name)


def _second(resource: Resource, field: str) -> int | None:
    """A moment in seconds since 1970, or as a date with a time.

    Raises:
        ValueError: neither.
    """
    text = resource.fields.get(field)
    if text is None:
        return None
    if text.removeprefix("-").isdecimal():
        return int(text[:20])
    return int(datetime.fromisoformat(text).timestamp())


def _decimal(resource: Resource, field: str) -> Decimal | None:
    text = resource.fields.get(field)
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{field} is not a number: {text[:40]!r}") from None
