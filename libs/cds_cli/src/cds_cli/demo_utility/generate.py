"""The whole demo utility, in the order in which its systems would send it."""

from collections.abc import Iterator
from datetime import date

from cds_cli.demo_utility import showcase, showcase_bills, showcase_groups, showcase_usage
from cds_cli.demo_utility.bills import bills_of
from cds_cli.demo_utility.cast import HOUSEHOLDS, services
from cds_cli.demo_utility.readings import readings_of
from cds_cli.demo_utility.utility import account, building, contract, customer, meters, service_points
from cds_common.events.utility import UtilityEvent


def events(until: date) -> Iterator[UtilityEvent]:
    """Everything up to the day `until` (exclusive); a later `until` only adds."""
    for household in HOUSEHOLDS:
        yield customer(household)
        yield account(household)
        for service in household.services:
            yield contract(household, service)
    yield from service_points()
    yield from meters()
    yield building()
    yield from showcase.events()
    yield from showcase_groups.aggregations()
    yield from showcase_usage.certificates()
    for household in HOUSEHOLDS:
        if household.billed:
            yield from bills_of(household, until)
    for household, service in services():
        yield from readings_of(household, service, until)
    yield from showcase_bills.statements(until)
    yield from showcase_usage.readings(until)
