"""The brand of the pages and what the form has to ask for, taken from the utility's file."""

from pathlib import Path

from cds_auth.domain.brand import Brand
from cds_auth.domain.closing import ClosingRules, Disclosure
from cds_auth.domain.usage_words import UsageKind
from cds_common.utility import Utility

SUPPORT, POLICY = "/docs/support", "/docs/policy"
TERMS = "/consent/terms"


def brand_of(utility: Utility, folder: Path) -> Brand:
    """The brand; `folder` holds the utility's file and the logo that it names.

    Raises:
        OSError: the logo cannot be read.
    """
    brand = utility.brand
    logo = folder / brand.logo
    return Brand(
        name=utility.name,
        logo=f"/static/auth/brand/logo{logo.suffix.lower()}",
        logo_file=logo.read_bytes(),
        support=SUPPORT,
        terms=TERMS if utility.customer_terms else None,
        privacy=POLICY,
        terms_text=utility.customer_terms,
        terms_version=utility.updated.date().isoformat(),
        primary=brand.primary,
        primary_dark=brand.primary_dark,
    )


def usage_kinds(utility: Utility) -> dict[str, UsageKind]:
    """The kinds of usage values that can be chosen, by the id of their format."""
    kinds: dict[str, UsageKind] = {}
    for each in utility.value_formats:
        kinds[each.id] = UsageKind(each.name, each.type, each.units, each.direction, each.interval, each.tou)
    return kinds


def closing_rules(utility: Utility) -> ClosingRules:
    """What every approval has to go through here."""
    form = utility.authorization_form
    disclosures = tuple(
        Disclosure(each.id, each.text, frozenset(each.scopes), each.customers, each.must_agree) for each in form.disclosures
    )
    return ClosingRules(disclosures, form.typed_name, form.contact_uses)
