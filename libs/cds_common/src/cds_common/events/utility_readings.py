"""`utility.meter-readings`: blocks of values of one series (CDS-WG3-01 §10.8)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import AwareDatetime, Field, model_validator

from cds_common.events import vocabulary as v
from cds_common.events.envelope import Contract, Ref, ShortText
from cds_common.events.utility_parts import Amount, Currency, UtilityEvent

MAX_VALUES = 20_000
"""Values in one block of readings: 200 days of quarter hours."""


class SeriesShape(Contract):
    """Which column of a Usage Segment the values belong to (CDS-WG3-01 §10.8.2, §10.8.5).

    `tou`, `tier`, `season`: leave out when not known; `none` = such a designation does not apply.
    """

    value_type: v.ValueType
    units: v.Unit | None = None
    direction: v.Direction | None = None
    tou: v.TimeOfUse | Literal["none"] | None = None
    tier: v.Tier | Literal["none"] | None = None
    season: v.Season | Literal["none"] | None = None
    demand_type: v.DemandType | None = None
    register_name: ShortText | None = None
    currency: Currency | None = None
    attribution: v.SupplyAttribution | None = None
    supply_type: v.SupplyType | None = None


_ELECTRIC = ("electric_usage", "electric_demand")
_VOLUMES = ("m3", "ft3", "CCF", "MCF", "MMCF")
UNITS: Mapping[str, tuple[v.Unit, ...]] = {
    "electric_usage": ("Wh", "kWh", "MWh"),
    "electric_demand": ("W", "kW", "MW"),
    "water_usage": (*_VOLUMES, "L", "gal"),
    "natural_gas_usage": ("Btu", "therm", "Sm3", "scf", *_VOLUMES),
    "fuel_oil_usage": ("L", "gal"),
    "meter_readings": get_args(v.Unit),
}
"""Units that a source may send (CDS-WG3-01 §10.8.5); volumes of gas are those at standard conditions and become Sm3 or scf."""
_ASKED_FOR: Mapping[str, tuple[str, ...]] = {
    "electric_demand": ("demand_type",),
    "electric_supply_mix": ("attribution", "supply_type"),
    "cost": ("currency",),
}


class ReadingsRecordedV1(UtilityEvent):
    """A block of values of one series, or a single one: value i covers [start + i * interval, start + (i + 1) * interval).

    A value is `values[i] / 10 ** decimals` and keeps exactly `decimals` digits after the point; `decimals` is one number,
    or one per value where the source's digits differ. None = the source has no value (it erases nothing). Signs:
    positive to the customer, negative to the grid, for every direction. For an interval of varying length (a billing month), send one block
    per value with its true `interval_seconds`. The newer `source_time` wins, reading by reading; on a tie an estimate gives way to
    all else, and of equals the later arrival wins. In whatever order messages come, the outcome is that of the order of `source_time`.
    """

    topic: ClassVar[str] = "utility.meter-readings"
    event_type: Literal["readings.recorded.v1"] = "readings.recorded.v1"
    servicepoint_ref: Ref
    meter_ref: Ref | None = None
    shape: SeriesShape
    quality: v.ReadingQuality | None = None
    start: AwareDatetime
    interval_seconds: Annotated[int, Field(gt=0, le=400 * 86_400)]
    decimals: Annotated[int, Field(ge=0, le=12)] | list[Annotated[int, Field(ge=0, le=12)]] = 0
    values: list[Annotated[int, Field(ge=-(10**18), le=10**18)] | None] = Field(min_length=1, max_length=MAX_VALUES)
    carbon_intensity: list[Amount | None] | None = Field(default=None, max_length=MAX_VALUES)
    """Of each value of a supply mix, in gCO2e/kWh; None where it is not known (§10.8.5.3.2)."""
    eac_refs: list[Ref] = Field(default_factory=list, max_length=100)
    """Certificates that are applied to all values of this supply mix (§10.8.5.3.2)."""

    def key(self) -> str:
        return self.servicepoint_ref

    @model_validator(mode="after")
    def _one_digit_count_per_value(self) -> Self:
        if isinstance(self.decimals, list) and len(self.decimals) != len(self.values):
            raise ValueError("decimals is one number or as long as values")
        return self

    @model_validator(mode="after")
    def _shape_of_its_type(self) -> Self:
        kind, units = self.shape.value_type, self.shape.units
        missing = [name for name in _ASKED_FOR.get(kind, ()) if getattr(self.shape, name) is None]
        if missing:
            raise ValueError(f"values of type {kind} need {', '.join(missing)}")
        if units not in UNITS.get(kind, (None,)):
            raise ValueError(f"values of type {kind} are in {', '.join(UNITS.get(kind, ('no unit',)))}")
        return self

    @model_validator(mode="after")
    def _signs(self) -> Self:
        """A column of one direction holds its own side of zero only; a share lies between nothing and the whole."""
        kind, direction = self.shape.value_type, self.shape.direction
        if kind in _ELECTRIC and direction == "reverse" and max(filter(None, self.values), default=0) > 0:
            raise ValueError("values to the grid are negative")
        if kind in _ELECTRIC and direction == "forward" and min(filter(None, self.values), default=0) < 0:
            raise ValueError("values to the customer are positive")
        if kind == "electric_supply_mix":
            each = self.decimals if isinstance(self.decimals, list) else [self.decimals] * len(self.values)
            if any(value is not None and not 0 <= value <= 10**digits for value, digits in zip(self.values, each, strict=True)):
                raise ValueError("a share of the supply is a ratio from 0 to 1")
        return self

    @model_validator(mode="after")
    def _only_a_mix_has_sources(self) -> Self:
        annotated = self.carbon_intensity is not None or self.eac_refs
        if annotated and self.shape.value_type != "electric_supply_mix":
            raise ValueError("carbon_intensity and eac_refs belong to a supply mix")
        if self.carbon_intensity is not None and len(self.carbon_intensity) != len(self.values):
            raise ValueError("carbon_intensity is as long as values")
        return self
