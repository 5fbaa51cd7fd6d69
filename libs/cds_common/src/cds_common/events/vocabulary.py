"""Enumerated values of CDS-WG3-01 that travel in events; one name per enumeration, spelled as in the specification."""

from typing import Literal

AccountType = Literal[
    "customer", "thirdparty", "internal", "parent", "child", "test", "residential", "commercial",
    "industrial", "agriculture", "municipal", "billed_monthly", "billed_quarterly",
]  # fmt: skip
AccountStatus = Literal["active", "suspended", "closed", "unknown"]
AccountContactType = Literal[
    "phone_number", "email", "home", "work", "mobile", "preferred", "primary", "secondary"
]  # fmt: skip
AccountProgramType = Literal[
    "active", "inactive", "eligible", "ineligible", "low_income", "flat_rate", "payment_plan", "protected",
    "survey", "pilot", "rebate", "credit_bank",
]  # fmt: skip
ServiceProgramType = Literal[
    "active", "inactive", "eligible", "ineligible", "low_income", "protected", "survey", "pilot", "rebate",
    "credit_bank", "demand_response", "ev", "thermostat",
]  # fmt: skip
EntityType = Literal[
    "distributor", "supplier", "iou", "muni", "cca", "retailer", "generator", "dso", "tso", "iso"
]  # fmt: skip
ContractType = Literal["utility_service", "project", "billed_monthly", "billed_quarterly"]
ContractStatus = Literal["active", "paused", "stopped", "closed", "unknown"]
ServiceType = Literal[
    "electric", "water", "natural_gas", "fuel_oil", "waste_water", "solid_waste", "residential", "commercial",
    "industrial", "agriculture", "metered", "unmetered", "distribution", "supply", "generation",
]  # fmt: skip
ServicePointType = Literal[
    "electric", "water", "natural_gas", "fuel_oil", "single_service", "multi_service", "physical", "virtual",
    "edge", "internal",
]  # fmt: skip
PremiseType = Literal["service_group", "building", "land", "zone"]
MeterType = Literal[
    "electric_usage", "water_usage", "natural_gas_usage", "fuel_oil_usage", "forward_only", "reverse_only",
    "bidirectional", "physical_meter", "virtual_meter", "electric_demand", "ami_meter", "amr_meter",
    "analog_meter", "wifi_capable", "wifi_enabled", "wifi_configured", "zigbee_capable", "zigbee_enabled",
    "zigbee_configured", "central_apps_capable", "customer_apps_capable",
]  # fmt: skip
MeterAppType = Literal[
    "installed", "uninstalled", "compatible", "incompatible", "customer_installable", "central_installable"
]  # fmt: skip
NewChargeType = Literal[
    "electric_total", "water_total", "natural_gas_total", "fuel_oil_total", "waste_water_total",
    "solid_waste_total", "tax", "fixed_fee", "flat_rate", "interest", "deposit", "differed", "credit_bank",
    "program", "adhoc", "amount_due_sum_difference",
]  # fmt: skip
BillSectionType = Literal[
    "service_contract", "sub_account", "other_section", "electric", "water", "natural_gas", "fuel_oil",
    "distribution", "supply",
]  # fmt: skip
BillSectionUsageDetailType = Literal[
    "electric_usage", "water_usage", "natural_gas_usage", "fuel_oil_usage", "electric_demand", "time_of_use",
    "tiered", "directional", "seasonal", "ami_reading", "amr_reading", "analog_meter", "customer_provided",
    "estimated",
]  # fmt: skip
BillSectionCostDetailType = Literal[
    "overall_total", "subtotal", "fixed_charges", "usage_charges", "taxes", "distribution", "supply",
    "transmission", "other",
]  # fmt: skip
BillSectionLineItemType = Literal[
    "fixed_charge", "usage_charge", "tax", "distribution", "supply", "transmission", "other"
]  # fmt: skip
Unit = Literal[
    "Wh", "kWh", "MWh", "W", "kW", "MW", "m3", "ft3", "CCF", "MCF", "MMCF", "MMCFD", "L", "gal", "Btu", "therm",
    "Sm3", "scf", "SCFM", "C", "F", "var", "kvar", "varh", "kvarh", "years", "months", "days", "hours",
    "minutes", "seconds", "money", "count", "percent",
]  # fmt: skip
ValueType = Literal[
    "electric_usage", "electric_demand", "electric_supply_mix", "water_usage", "natural_gas_usage",
    "fuel_oil_usage", "cost", "meter_readings",
]  # fmt: skip
Direction = Literal["net", "forward", "reverse"]
TimeOfUse = Literal["super_peak", "peak", "partial_peak", "off_peak", "super_off_peak"]
Tier = Literal[
    "baseline", "overage", "tier_1", "tier_2", "tier_3", "tier_4", "tier_5", "tier_6", "tier_7", "tier_8", "tier_9"
]  # fmt: skip
Season = Literal["spring", "summer", "fall", "winter"]
ReadingQuality = Literal[
    "raw", "manual", "valid", "revenue", "estimated", "calculated", "corrected", "website"
]  # fmt: skip
DemandType = Literal["peak", "average", "starting", "ending"]
SupplyAttribution = Literal["base", "individual", "residual"]
SupplyType = Literal[
    "general", "carbonfree", "peaker", "solar", "wind", "hydro", "geothermal", "biomass", "nuclear", "storage",
    "demand_management", "distributed", "natural_gas", "coal", "oil",
]  # fmt: skip
AggregationType = Literal[
    "public", "listed", "confidential", "region", "country", "province", "municipality", "local", "building",
    "account_number", "account_type", "account_program_number", "contract_number", "service_type",
    "rateplan_code", "service_program_number", "servicepoint_number", "servicepoint_type", "premise_number",
    "meter_number", "meter_type", "meter_app_number",
]  # fmt: skip
RegionType = Literal["geographic", "postal_code", "county", "neighborhood", "city_block"]
ConsentRequirementType = Literal["always", "sometimes", "never"]
BeneficiaryType = Literal["customer", "account", "servicecontract", "rateplan", "program", "general"]
GrantStatus = Literal[
    "active", "future", "pending", "partial", "needs_authorization", "needs_sub_grants", "disabled", "suspended",
    "revoked", "closed", "expired", "delayed", "stopped", "errored",
]  # fmt: skip
