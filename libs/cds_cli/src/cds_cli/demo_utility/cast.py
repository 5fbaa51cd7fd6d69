"""Who lives in the demo utility: customers, accounts, contracts, points, meters, and what each point's load looks like."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from cds_common.ids import Environment

Profile = Literal["home", "flat", "shop", "office", "school", "solar_home", "gas_home", "water_home"]
Commodity = Literal["electric", "natural_gas", "water"]


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter with the days on which it was placed; `removed` None = still there."""

    number: str
    placed: date
    removed: date | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One contract at one service point; `scale_percent` sizes its load profile."""

    contract_number: str
    commodity: Commodity
    rateplan: tuple[str, str]
    profile: Profile
    start: date
    end: date | None = None
    scale_percent: int = 100
    service_point: str = ""
    """Ref of the point where another service of the cast is already placed; empty = a point of its own."""
    meters: tuple[Meter, ...] = ()

    @property
    def point_ref(self) -> str:
        """Utility key of the service point."""
        return self.service_point or f"SP-{self.contract_number}"


@dataclass(frozen=True, slots=True)
class Household:
    """A customer with one account."""

    ref: str
    login: str
    name: str
    account_number: str
    address: str
    services: tuple[Service, ...]
    environment: Environment = "sandbox"
    kind: Literal["residential", "commercial", "municipal"] = "residential"
    phone: str | None = None
    premise: str | None = None
    account_status: Literal["active", "closed"] = "active"
    billed: bool = True
    latitude: str = "48.1001"
    longitude: str = "-123.4301"


TOD_HOME = ("TOD-H", "Time-of-Day Home")
FLAT_HOME = ("FLT-H", "Flat Home")
SOLAR_HOME = ("SOL-H", "Solar Home")
BUSINESS = ("BUS-M", "Business Medium")
GAS_HOME = ("GAS-H", "Gas Home")
WATER_HOME = ("WTR-H", "Water Home")

OPENING = date(2023, 1, 1)
"""First day of the oldest data."""
RECENT = date(2025, 8, 1)
"""First day of everybody else's."""


def _meter(number: str, placed: date = OPENING) -> tuple[Meter, ...]:
    return (Meter(number, placed),)


def _flat(index: int) -> Household:
    first_names = ("Abara", "Bruun", "Chand", "Dietz", "Eklund", "Farah", "Gomes", "Hara", "Ivers", "Jonas", "Kato", "Lund")
    name = first_names[index - 1]
    return Household(
        ref=f"C-FLAT-{index:02d}",
        login=f"flat{index:02d}",
        name=f"{name[0]}. {name}",
        account_number=f"91-{index:04d}",
        address=f"7 Lantern Court, Flat {index}\nPort Alder, WA 98001",
        premise="PR-LANTERN",
        billed=False,
        services=(
            Service(
                f"510-{index:03d}", "electric", FLAT_HOME, "flat", RECENT, scale_percent=60 + 7 * index,
                meters=_meter(f"M-51{index:04d}", RECENT),
            ),
        ),
    )  # fmt: skip


MOSS = Household(
    ref="C-MOSS",
    login="moss",
    name="R. Moss",
    account_number="88-1203",
    address="14 Pier Road\nPort Alder, WA 98000",
    phone="+13605550114",
    services=(
        Service("220-471", "electric", TOD_HOME, "home", OPENING, meters=_meter("M-0091745")),
        Service("220-472", "natural_gas", GAS_HOME, "gas_home", OPENING, meters=_meter("M-0440118")),
        Service("220-473", "water", WATER_HOME, "water_home", OPENING, meters=_meter("M-0700311")),
    ),
)

SCHOOLS = Household(
    ref="C-SCHOOLS",
    login="schools",
    name="Port Alder School District",
    account_number="B-310-77",
    address="1 Schoolhouse Hill\nPort Alder, WA 98000",
    kind="municipal",
    phone="+13605550177",
    services=(Service("310-770", "electric", BUSINESS, "school", RECENT, meters=_meter("M-0310770", RECENT)),),
)  # fmt: skip

HOUSEHOLDS: tuple[Household, ...] = (
    MOSS,
    Household(
        ref="C-ODE",
        login="ode",
        name="T. Ode",
        account_number="77-0001",
        address="3 Kelp Lane\nPort Alder, WA 98000",
        services=(Service("180-100", "electric", TOD_HOME, "home", RECENT, scale_percent=140, meters=_meter("M-0091802")),),
    ),
    Household(
        ref="C-SUN",
        login="sun",
        name="A. Sun",
        account_number="77-0002",
        address="21 Ridge Way\nPort Alder, WA 98000",
        services=(
            Service(
                "180-201", "electric", SOLAR_HOME, "solar_home", RECENT,
                # The mechanical meter went when the panels came: a swap in the middle of a day's data.
                meters=(Meter("M-0030007", RECENT, date(2025, 11, 18)), Meter("M-0105520", date(2025, 11, 18))),
            ),
        ),
    ),
    # A move-out and a move-in at one service point: two tenants who must never see each other's usage.
    Household(
        ref="C-LEAVING",
        login="leaving",
        name="P. Leaving",
        account_number="77-0003",
        address="9 Canal Street\nPort Alder, WA 98000",
        account_status="closed",
        services=(
            Service("180-301", "electric", FLAT_HOME, "home", RECENT, date(2026, 3, 15), service_point="SP-CANAL-9",
                    meters=_meter("M-0091900", RECENT)),
        ),
    ),
    Household(
        ref="C-ARRIVING",
        login="arriving",
        name="Q. Arriving",
        account_number="77-0004",
        address="9 Canal Street\nPort Alder, WA 98000",
        services=(
            Service("180-302", "electric", FLAT_HOME, "home", date(2026, 3, 15), scale_percent=70, service_point="SP-CANAL-9"),
        ),
    ),
    Household(
        ref="C-BAKERY",
        login="bakery",
        name="Tidewater Bakery",
        account_number="66-0410",
        address="2 Market Square\nPort Alder, WA 98000",
        kind="commercial",
        services=(
            Service("330-010", "electric", BUSINESS, "shop", RECENT, meters=_meter("M-0200410", RECENT)),
            Service("330-011", "natural_gas", GAS_HOME, "gas_home", RECENT, scale_percent=400,
                    meters=_meter("M-0440410", RECENT)),
        ),
    ),
    Household(
        ref="C-CAMPUS",
        login="campus",
        name="Strait Office Campus",
        account_number="66-0500",
        address="100 Strait Avenue\nPort Alder, WA 98002",
        kind="commercial",
        services=tuple(
            Service(f"330-50{n}", "electric", BUSINESS, "office", RECENT, scale_percent=80 + 40 * n,
                    meters=_meter(f"M-020050{n}", RECENT))
            for n in (1, 2, 3)
        ),
    ),
    SCHOOLS,
    # Direct access works in production too: the same district lives there as well.
    replace(SCHOOLS, environment="production"),
    *(_flat(n) for n in range(1, 13)),
    Household(
        ref="C-BRANDT",
        login="brandt",
        name="L. Brandt",
        account_number="90-4410",
        address="48 Spruce Street\nPort Alder, WA 98000",
        phone="+13605550190",
        environment="production",
        services=(Service("400-441", "electric", TOD_HOME, "home", RECENT, meters=_meter("M-0400441", RECENT)),),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Building:
    """A whole-building Aggregation over the service points of its flats."""

    ref: str
    number: str
    name: str
    address: str
    premise: str
    environment: Environment = "sandbox"
    members: tuple[Household, ...] = field(default=())


LANTERN_COURT = Building(
    "AGG-LANTERN",
    "LANTERN-COURT",
    "Lantern Court, whole building",
    "7 Lantern Court\nPort Alder, WA 98001",
    "PR-LANTERN",
    members=tuple(h for h in HOUSEHOLDS if h.premise == "PR-LANTERN"),
)


def services() -> Iterator[tuple[Household, Service]]:
    """Every contract of the cast with its household."""
    for household in HOUSEHOLDS:
        for service in household.services:
            yield household, service
