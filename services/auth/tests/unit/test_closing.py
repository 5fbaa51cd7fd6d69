"""The Closing Section (CDS-WG3-01 §9.2.1.5): what applies, what is asked, what is missing."""

from dataclasses import replace

import pytest

from cds_auth.application.brands import closing_rules
from cds_auth.domain.closing import Closing, ClosingAnswers, ClosingRules, Disclosure, build_closing
from cds_common.utility import Utility
from cds_common.utility.parts import AuthorizationForm
from services.auth.tests.customer_builders import Household, a_home

USAGE, CONTRACTS = "cds_usage_hlp", "cds_service_contracts_hlp"
RULES = ClosingRules(
    (
        Disclosure("all", {"en": "For all.", "es": "Para todos."}),
        Disclosure("usage", {"en": "Usage can be late."}, frozenset({USAGE}), must_agree=True),
        Disclosure("business", {"en": "Large customers wait."}, customers="business"),
        Disclosure("home", {"en": "For homes."}, customers="residential"),
    )
)


def a_business() -> Household:
    home = Household()
    home.resources.clear()
    home.add("account", "a", "B-1", types=["commercial"])
    return home


def a_customer_of_unknown_kind() -> Household:
    home = Household()
    home.resources.clear()
    home.add("account", "a", "U-1", types=[])
    return home


def shown(home: Household, *scopes: str) -> list[str]:
    built = build_closing(RULES, scopes, home.resources, ClosingAnswers(), language="en", has_contact=True)
    return [each.id for each in built.disclosures]


@pytest.mark.req("WG3C-113", "WG3C-114", "WG3C-115")
def test_a_text_is_shown_where_it_applies_or_may_apply() -> None:
    assert shown(a_home(), CONTRACTS) == ["all", "home"]
    assert shown(a_home(), CONTRACTS, USAGE) == ["all", "usage", "home"]
    assert shown(a_business(), CONTRACTS) == ["all", "business"]
    assert shown(a_customer_of_unknown_kind(), CONTRACTS) == ["all", "business", "home"]


def test_a_text_is_in_the_customers_language_if_there_is_one() -> None:
    built = build_closing(RULES, [USAGE], a_home().resources, ClosingAnswers(), language="es", has_contact=True)
    assert [each.text for each in built.disclosures] == ["Para todos.", "Usage can be late.", "For homes."]


def test_the_rules_come_from_the_utilitys_file_which_asks_for_nothing_by_itself(utility: Utility) -> None:
    assert closing_rules(utility) == ClosingRules()
    written = {"typed_name": True, "disclosures": [{"id": "late", "text": {"en": "Late."}, "scopes": [USAGE], "must_agree": True}]}
    configured = utility.model_copy(update={"authorization_form": AuthorizationForm.model_validate(written)})
    late = Disclosure("late", {"en": "Late."}, frozenset({USAGE}), must_agree=True)
    assert closing_rules(configured) == ClosingRules((late,), typed_name=True)


def a_closing(rules: ClosingRules, *, has_contact: bool = True, answers: ClosingAnswers | None = None) -> Closing:
    return build_closing(rules, [USAGE], a_home().resources, answers or ClosingAnswers(), language="en", has_contact=has_contact)


def test_only_what_must_be_answered_can_be_missing() -> None:
    assert a_closing(RULES).faults == ("agree-usage",)
    assert a_closing(RULES, answers=ClosingAnswers(frozenset({"usage"}))).faults == ()
    law = replace(RULES, typed_name=True)
    assert a_closing(law, answers=ClosingAnswers(frozenset({"usage"}), typed_name="  ")).faults == ("typed_name",)
    named = a_closing(law, answers=ClosingAnswers(frozenset({"usage"}), typed_name=" R. Moss "))
    assert (named.faults, named.typed_name) == ((), "R. Moss")
    assert a_closing(RULES, answers=ClosingAnswers(typed_name="R. Moss")).typed_name is None


@pytest.mark.req("WG3C-118", "WG3C-116")
@pytest.mark.parametrize(
    ("text", "contact", "faults"),
    [
        ("", None, ()),
        ("  ", None, ()),
        (" moss@mail.example ", "moss@mail.example", ()),
        ("moss", None, ("contact",)),
        ("moss@", None, ("contact",)),
        ("a@b.example,c@d.example", None, ("contact",)),
        ("a@b.example\r\nBcc: c@d.example", None, ("contact",)),
        ("m" * 250 + "@mail.example", None, ("contact",)),
    ],
)
def test_a_contact_is_optional_and_has_to_be_an_address(text: str, contact: str | None, faults: tuple[str, ...]) -> None:
    answered = a_closing(ClosingRules(), has_contact=False, answers=ClosingAnswers(contact=text))
    assert (answered.contact, answered.faults) == (contact, faults)


@pytest.mark.req("WG3C-118")
def test_a_known_contact_is_never_asked_for_nor_replaced() -> None:
    answered = a_closing(ClosingRules(contact_uses={"en": "Uses."}), answers=ClosingAnswers(contact="other@mail.example"))
    assert (answered.asks_contact, answered.contact, answered.contact_uses) == (False, None, None)
