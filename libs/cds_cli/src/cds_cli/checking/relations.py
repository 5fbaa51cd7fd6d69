"""Ids that lead somewhere, and what the objects at both ends say of each other."""

from collections.abc import Iterable, Iterator

from cds_cli.checking.reading import LISTINGS, Json, Seen

RELATIONS: tuple[tuple[str, str, str], ...] = (
    ("accounts", "cds_account_parent", "accounts"),
    ("service_contracts", "cds_account_id", "accounts"),
    ("service_points", "current_servicecontracts", "service_contracts"),
    ("service_points", "previous_servicecontracts", "service_contracts"),
    ("meter_devices", "current_servicepoints", "service_points"),
    ("meter_devices", "previous_servicepoints", "service_points"),
    ("bill_statements", "cds_account_id", "accounts"),
    ("bill_sections", "cds_account_id", "accounts"),
    ("bill_sections", "cds_billstatement_id", "bill_statements"),
    ("bill_sections", "related_servicecontracts", "service_contracts"),
    ("bill_sections", "related_servicepoints", "service_points"),
    ("bill_sections", "related_meterdevices", "meter_devices"),
    ("bill_sections", "related_billsections", "bill_sections"),
    ("aggregations", "grouped_accounts", "accounts"),
    ("aggregations", "grouped_servicecontracts", "service_contracts"),
    ("aggregations", "grouped_servicepoints", "service_points"),
    ("aggregations", "grouped_meterdevices", "meter_devices"),
    ("aggregations", "grouped_aggregations", "aggregations"),
    ("usage_segments", "related_aggregations", "aggregations"),
    ("usage_segments", "related_accounts", "accounts"),
    ("usage_segments", "related_servicecontracts", "service_contracts"),
    ("usage_segments", "related_servicepoints", "service_points"),
    ("usage_segments", "related_meterdevices", "meter_devices"),
    ("usage_segments", "related_billsections", "bill_sections"),
)
"""Listing, field, listing in which its ids must be found."""
_BENEFICIARIES = {"account": "accounts", "servicecontract": "service_contracts"}
MAX_GROUPED = 1000


def _named(value: object) -> list[str]:
    return [] if value is None else [str(one) for one in value] if isinstance(value, list) else [str(value)]


def unresolved(seen: Seen) -> Iterator[str]:
    """Every id in a relation is found in its listing with the same token."""
    known = {key: set(seen.by_id(key)) for key in LISTINGS}
    for key, field, target in RELATIONS:
        for each in seen[key]:
            for missing in set(_named(each[field])) - known[target]:
                yield f"{key} {each[LISTINGS[key][1]]}: {field} names {missing}, which {target} does not list"
    for statement in seen["bill_statements"]:
        for charge in statement.get("new_charges", ()):
            for missing in set(charge.get("related_billsections", ())) - known["bill_sections"]:
                yield f"charge {charge['id']} names section {missing}, which bill_sections does not list"
    for eac in seen["eacs"]:
        target = _BENEFICIARIES.get(eac["beneficiary_type"])
        for missing in set(eac["beneficiaries"]) - known[target] if target else ():
            yield f"certificate {eac['cds_eac_id']} names {missing}, which {target} does not list"


def doubles(seen: Seen) -> Iterator[str]:
    """No id stands twice in a listing."""
    for key, (_, name) in LISTINGS.items():
        if len(seen.by_id(key)) != len(seen[key]):
            yield f"{key}: an {name} stands twice"


def sections_of_other_accounts(seen: Seen) -> Iterator[str]:
    """A section's statement is of the section's account, or of its parent for a sub-account."""
    statements, accounts = seen.by_id("bill_statements"), seen.by_id("accounts")
    for section in seen["bill_sections"]:
        statement = statements.get(str(section["cds_billstatement_id"]))
        account = accounts.get(section["cds_account_id"], {})
        allowed = {section["cds_account_id"], account.get("cds_account_parent")}
        if statement is not None and statement["cds_account_id"] not in allowed:
            yield f"section {section['cds_billsection_id']} stands on the statement of a strange account"
        on_parent = statement is not None and statement["cds_account_id"] == account.get("cds_account_parent")
        if "sub_account" in section["section_types"] and statement is not None and not on_parent:
            yield f"sub-account section {section['cds_billsection_id']} is not on the parent's statement"


def parents_and_children(seen: Seen) -> Iterator[str]:
    """Account types agree with cds_account_parent (§10.1.2)."""
    parents = {each["cds_account_parent"] for each in seen["accounts"]}
    for each in seen["accounts"]:
        types = each["account_types"]
        if ("child" in types) != (each["cds_account_parent"] is not None):
            yield f"account {each['cds_account_id']}: type child and parent do not agree"
        if ("parent" in types) != (each["cds_account_id"] in parents):
            yield f"account {each['cds_account_id']}: type parent and sub-accounts do not agree"


def entity_numbers(seen: Seen) -> Iterator[str]:
    """An Entity of the coverage has the coverage's number (§10.1.4)."""
    covered = {each["entity_name"]: each["entity_number"] for each in seen.coverage if "entity_number" in each}
    for entity in _entities(seen):
        if covered.get(entity["entity_name"], entity["entity_number"]) != entity["entity_number"]:
            yield f"entity {entity['entity_name']} has number {entity['entity_number']}, in the coverage {covered[entity['entity_name']]}"


def _entities(seen: Seen) -> Iterable[Json]:
    places = (("accounts", "account_entity"), ("service_contracts", "contract_entity"))
    places += (("bill_sections", "distribution_entity"), ("bill_sections", "supply_entity"))
    return (each[field] for key, field in places for each in seen[key] if each.get(field) is not None)


def groups(seen: Seen) -> Iterator[str]:
    """No list is too long, and no sum is visible to who has no consents while they are needed (§10.7)."""
    requirement = {each["cds_aggregation_id"]: each["consent_requirements"][0]["types"] for each in seen["aggregations"]}
    for each in seen["aggregations"]:
        for field, value in each.items():
            if field.startswith("grouped_") and len(value) > MAX_GROUPED:
                yield f"aggregation {each['cds_aggregation_id']}: {field} has {len(value)} items"
    for segment in seen["usage_segments"]:
        for one in segment["related_aggregations"]:
            if requirement.get(one) != ["never"]:
                yield f"segment {segment['cds_usagesegment_id']} shows the sum of {one}, for which consents are needed"


def certificates(seen: Seen) -> Iterator[str]:
    """Certificates beside a share of the supply are listed, and are those of the segment's accounts and contracts."""
    eacs = seen.by_id("eacs")
    for segment in seen["usage_segments"]:
        named = {eac for row in segment["values"] for cell in row if cell for eac in cell.get("eacs", ())}
        for one in named:
            eac = eacs.get(one)
            if eac is None:
                yield f"segment {segment['cds_usagesegment_id']} names certificate {one}, which eacs does not list"
            elif eac["beneficiaries"] and not _concerns(eac, segment):
                yield f"segment {segment['cds_usagesegment_id']} names certificate {one} of somebody else"


def _concerns(eac: Json, segment: Json) -> bool:
    field = {"account": "related_accounts", "servicecontract": "related_servicecontracts"}.get(eac["beneficiary_type"])
    return field is None or bool(set(eac["beneficiaries"]) & set(segment[field]))
