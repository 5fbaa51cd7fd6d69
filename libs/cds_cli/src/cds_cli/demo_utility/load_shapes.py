"""What the meters of the demo utility measure: integers made from the day alone, so that a run next year agrees with today's."""

import math
import random
from collections.abc import Callable
from datetime import date
from hashlib import sha256

from cds_cli.demo_utility.cast import Profile, Service

QUARTERS = 96

Shape = Callable[[float, int, bool], float]
"""(hour of day, day of year, weekend) -> kW."""


def _bump(hour: float, centre: float, width: float) -> float:
    return math.exp(-(((hour - centre + 12) % 24 - 12) ** 2) / (2 * width**2))


def _winter(day_of_year: int) -> float:
    return (1 + math.cos(2 * math.pi * (day_of_year - 15) / 365)) / 2


def _home(hour: float, day: int, weekend: bool) -> float:
    evening = 1.4 * _bump(hour, 19, 2.2) * (1 + 0.7 * _winter(day))
    return 0.22 + (0.5 if weekend else 0.8) * _bump(hour, 7.3, 1.1) + evening + (0.35 * _bump(hour, 13, 3) if weekend else 0)


def _flat(hour: float, day: int, weekend: bool) -> float:
    return 0.12 + 0.45 * _home(hour, day, weekend)


def _shop(hour: float, day: int, weekend: bool) -> float:
    return 1.1 + 9 * _bump(hour, 5, 1.8) + (6 if not weekend else 8) * _bump(hour, 12, 3.5) + 0.5 * _winter(day)


def _office(hour: float, day: int, weekend: bool) -> float:
    summer = 1 - _winter(day)
    return 6 + (3 if weekend else 38 + 20 * summer) * _bump(hour, 13, 3.4)


def _school(hour: float, day: int, weekend: bool) -> float:
    holidays = 180 <= day <= 245
    return 4 + (2 if weekend or holidays else 30) * _bump(hour, 11.5, 2.8)


def _panels(hour: float, day: int) -> float:
    return 5.2 * (1.1 - 0.75 * _winter(day)) * _bump(hour, 12.6, 2.1)


SHAPES: dict[Profile, Shape] = {"home": _home, "solar_home": _home, "flat": _flat, "shop": _shop, "office": _office, "school": _school}


def _random(series: str, day: date) -> random.Random:
    return random.Random(int.from_bytes(sha256(f"{series}|{day.isoformat()}".encode()).digest()[:8]))  # noqa: S311  not a secret


def quarter_watt_hours(service: Service, day: date, quarters: int = QUARTERS) -> list[int]:
    """Energy from the grid to the customer in each quarter hour of a local day, in Wh; 92 or 100 quarters on DST days."""
    noise = _random(service.contract_number, day)
    shape = SHAPES[service.profile]
    number, weekend = day.timetuple().tm_yday, day.weekday() >= 5
    values: list[int] = []
    for quarter in range(quarters):
        kilowatts = shape(24 * quarter / quarters, number, weekend) * service.scale_percent / 100
        values.append(round(250 * kilowatts * noise.uniform(0.75, 1.3)))
    return values


def export_watt_hours(service: Service, day: date, quarters: int = QUARTERS) -> list[int]:
    """Energy from the panels to the grid in each quarter hour, in Wh, as negative numbers (CDS-WG3-01 §10.8.5.1.2)."""
    noise = _random(service.contract_number + "/export", day)
    cloud = noise.uniform(0.25, 1.0)
    number = day.timetuple().tm_yday
    return [-round(250 * max(0.0, _panels(24 * q / quarters, number) * cloud * noise.uniform(0.9, 1.05) - 0.35)) for q in range(quarters)]


def month_quantity(service: Service, first_day: date) -> int:
    """Monthly reads: gas in hundredths of a therm, water in tenths of a cubic metre."""
    noise = _random(service.contract_number, first_day)
    if service.commodity == "natural_gas":
        return round((9_00 + 62_00 * _winter(first_day.timetuple().tm_yday + 15)) * noise.uniform(0.9, 1.1) * service.scale_percent / 100)
    return round(142 * noise.uniform(0.85, 1.2) * service.scale_percent / 100)
