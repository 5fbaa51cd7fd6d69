"""What the meters of Harbor Works Trust measured: every value type, designation and quality once (CDS-WG3-01 §10.8.5, §10.9)."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args

from cds_cli.demo_utility.calendar import midnight, months, next_month
from cds_cli.demo_utility.showcase import CUSTOMER, PARENT, PLANT, SINCE, base
from cds_cli.demo_utility.stable import fact_id
from cds_common.events import vocabulary as v
from cds_common.events.utility import EacRecordedV1, ReadingsRecordedV1, SeriesShape

MIX: tuple[tuple[v.SupplyAttribution, v.SupplyType, int, str, str | None], ...] = (
    ("base", "general", 600, "212.0", None),
    ("base", "carbonfree", 440, "8.5", None),
    ("base", "hydro", 310, "4.0", None),
    ("base", "nuclear", 60, "12.0", None),
    ("base", "biomass", 20, "40.0", None),
    ("base", "geothermal", 10, "38.0", None),
    ("base", "storage", 20, "95.0", None),
    ("base", "natural_gas", 140, "430.0", None),
    ("base", "peaker", 30, "610.0", None),
    ("base", "coal", 15, "980.0", None),
    ("base", "oil", 5, "840.0", None),
    ("base", "distributed", 20, "6.0", None),
    ("individual", "wind", 250, "0.0", "EAC-WORKS-WIND"),
    ("individual", "solar", 100, "0.0", "EAC-PLANT"),
    ("residual", "general", 45, "388.0", None),
    ("residual", "demand_management", 5, "0.0", None),
)
"""Attribution, kind, thousandths of the supply, gCO2e/kWh, certificate. The general ones of each attribution add up to 1."""


def usage_of(start: date) -> dict[str, int]:
    """Hundredths of kWh (tenths of a gallon for oil) of a month, from its number alone."""
    month = start.month
    return {
        "peak": 410_000 + 3_700 * month,
        "off_peak": 655_000 + 2_900 * month,
        "tier_1": 60_000,
        "tier_2": 900 * month,
        "oil": 1_500 + 40 * month,
    }


def season_of(start: date) -> v.Season:
    """The season of the yard's tariff."""
    return "winter" if start.month in (10, 11, 12, 1, 2, 3) else "summer"


def readings(until: date) -> Iterator[ReadingsRecordedV1]:
    """Billing months up to `until`, and a week of quarter hours."""
    for start, stop in months(SINCE, until):
        if stop == next_month(start):
            yield from _plant_month(start, stop)
            yield from _yard_month(start, stop)
    yield from _plant_week(until)


def _plant_month(start: date, stop: date) -> Iterator[ReadingsRecordedV1]:
    used = usage_of(start)
    month: dict[str, Any] = {"point": "670-101", "meter": "M-0670101", "start": start, "stop": stop}
    electric: dict[str, Any] = {"value_type": "electric_usage", "units": "kWh", "direction": "forward"}
    for tou in ("peak", "off_peak"):
        yield _month(electric | {"tou": tou}, [used[tou]], 2, quality="revenue", **month)
    demand = {"value_type": "electric_demand", "units": "kW", "direction": "forward", "demand_type": "peak"}
    yield _month(demand, [2_140 + start.month], 1, quality="revenue", **month)
    yield _month({"value_type": "cost", "currency": "USD"}, [168_400 + 910 * start.month], 2, **month)
    register = {"value_type": "meter_readings", "units": "kWh", "register_name": "1.8.0"}
    yield _month(register, [5_120_400 + 107 * (start.year * 12 + start.month)], 1, quality="raw", **month)
    for attribution, supply_type, share, intensity, eac in MIX:
        shape = {"value_type": "electric_supply_mix", "attribution": attribution, "supply_type": supply_type}
        yield _month(shape, [share], 3, carbon_intensity=[Decimal(intensity)], eac_refs=[eac] if eac else [], **month)


def _yard_month(start: date, stop: date) -> Iterator[ReadingsRecordedV1]:
    used = usage_of(start)
    season = season_of(start)
    for tier in ("tier_1", "tier_2"):
        shape = {"value_type": "electric_usage", "units": "kWh", "direction": "forward", "tou": "none", "tier": tier, "season": season}
        yield _month(shape, [used[tier]], 2, quality="manual", point="670-201", meter="M-0670201", start=start, stop=stop)
    oil = {"value_type": "fuel_oil_usage", "units": "gal"}
    yield _month(
        oil,
        [used["oil"]],
        1,
        quality="estimated" if start.month == 12 else "manual",
        point="670-202",
        meter="M-0670202",
        start=start,
        stop=stop,
    )


def _plant_week(until: date) -> Iterator[ReadingsRecordedV1]:
    """Forward, reverse and net of the plant, what the roof fed in, and the power of each quarter hour."""
    first = date(2025, 12, 1)
    if until < first + timedelta(days=8):
        return
    forward = [max(0, 1_200 - 9 * abs(48 - quarter % 96)) for quarter in range(7 * 96)]
    reverse = [-max(0, 300 - 12 * abs(50 - quarter % 96)) for quarter in range(7 * 96)]
    net = [taken + given for taken, given in zip(forward, reverse, strict=True)]
    for direction, values in (("forward", forward), ("reverse", reverse), ("net", net)):
        yield _quarters({"value_type": "electric_usage", "units": "kWh", "direction": direction}, values, "670-101", "M-0670101", "valid")
    power = {"value_type": "electric_demand", "units": "kW", "direction": "forward", "demand_type": "average"}
    yield _quarters(power, [4 * value for value in forward], "670-101", "M-0670101", "calculated")
    yield _quarters({"value_type": "electric_usage", "units": "kWh", "direction": "reverse"}, reverse, "670-103", "M-0670103", "website")


def _quarters(shape: dict[str, Any], values: list[int], point: str, meter: str, quality: v.ReadingQuality) -> ReadingsRecordedV1:
    first = date(2025, 12, 1)
    return _message(shape, values, 3, point=point, meter=meter, start=first, seconds=900, read=first + timedelta(days=8), quality=quality)


def _month(
    shape: dict[str, Any], values: list[int], decimals: int, *, point: str, meter: str, start: date, stop: date, **members: Any
) -> ReadingsRecordedV1:
    seconds = int((midnight(stop) - midnight(start)).total_seconds())
    return _message(
        shape, values, decimals, point=point, meter=meter, start=start, seconds=seconds, read=stop + timedelta(days=2), **members
    )


def _message(
    shape: dict[str, Any],
    values: list[int],
    decimals: int,
    *,
    point: str,
    meter: str,
    start: date,
    seconds: int,
    read: date,
    **members: Any,
) -> ReadingsRecordedV1:
    read_out = midnight(read)
    return ReadingsRecordedV1(
        event_id=fact_id("sandbox", "works", point, SeriesShape.model_validate(shape).model_dump_json(), start, seconds),
        occurred_at=read_out,
        source_time=read_out,
        environment="sandbox",
        servicepoint_ref=f"SP-{point}",
        meter_ref=f"MT-{meter}",
        shape=SeriesShape.model_validate(shape),
        start=midnight(start),
        interval_seconds=seconds,
        decimals=decimals,
        values=list[int | None](values),
        **members,
    )


_BENEFICIARIES: dict[v.BeneficiaryType, tuple[str, list[str]]] = {
    "general": ("EAC-GENERAL", []),
    "customer": ("EAC-WORKS-WIND", [f"CU-{PARENT}"]),
    "account": ("EAC-PLANT", [f"AC-{PLANT}"]),
    "servicecontract": ("EAC-ROOF", ["CT-670-103"]),
    "rateplan": ("EAC-GREEN", ["ACP-G"]),
    "program": ("EAC-NIGHT", ["EV-7"]),
}


def certificates() -> Iterator[EacRecordedV1]:
    """One certificate per kind of beneficiary (§10.9.2); one without a number."""
    for kind in get_args(v.BeneficiaryType):
        ref, beneficiaries = _BENEFICIARIES[kind]
        yield EacRecordedV1(
            **base("eac", ref, date(2025, 10, 1)),
            eac_ref=ref,
            beneficiary_type=kind,
            beneficiaries=beneficiaries,
            eac_numbers=[] if kind == "general" else [f"US-WA-{ref}"],
            eac_format="hlp-certificate-v1",
            content=f'{{"issuer":"Alder Registry","certificate":"{ref}","energy_mwh":120,"holder":"{CUSTOMER}"}}',
            period_start=midnight(SINCE),
            period_end=midnight(date(2026, 1, 1)),
        )
