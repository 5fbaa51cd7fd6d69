"""What would be shared, in words (CDS-WG3-01 §9.2.2.1): exactly what opens, nothing else."""

import re

import pytest

from cds_auth.domain.data_component import OpenedScope, describe_data
from cds_auth.domain.usage_words import UsageKind
from cds_auth.persistence.languages import load_languages
from cds_common.access.catalogue import FIELDS, SCOPE_TYPES
from cds_common.access.flags import effective_flags

LANGUAGES = load_languages()
EN, ES = LANGUAGES["en"], LANGUAGES["es"]
BANNED = re.compile(
    r"usage segment|bill section|bill statement|service point|service contract|meter device|value format|authorization details|"
    r"\bscopes?\b|\bgrants?\b|cds_|include_|sync_until|_all|_include_future|\binfinite\b|\bP(T?\d+[YMWDHS])+\b",
    re.IGNORECASE,
)


def opened(*flags: str, scope_type: str = "cds_service_contracts") -> OpenedScope:
    return OpenedScope(scope_type, frozenset(flags))


def summaries(*scopes: OpenedScope) -> list[str]:
    return [line.summary for line in describe_data(scopes, EN)]


@pytest.mark.req("WG3C-140", "WG3C-143", "WG3C-144", "WG3C-145")
def test_a_summary_with_details_and_examples() -> None:
    [line] = describe_data([opened("include_accounts", "include_account_details", "include_account_programs")], EN)
    assert line.summary == "Your list of accounts (name, address and contact details and programs on your account)"
    assert [detail.label for detail in line.details] == [
        "That the account exists, and which account it belongs under",
        "Name, billing address, kind of account, status, phone and e-mail",
        "Assistance and other programs on your account",
    ]
    assert all(detail.example for detail in line.details)


@pytest.mark.req("WG3C-146")
@pytest.mark.parametrize("flag", sorted(name for name, field in FIELDS.items() if field.kind == "include"))
def test_each_flag_brings_its_own_lines_and_nothing_else(flag: str) -> None:
    everything = {name for name, field in FIELDS.items() if field.kind == "include"}

    def labels(flags: set[str]) -> set[str]:
        kinds = (UsageKind("Electricity every hour", "electric_usage", "kWh"),) if "include_usage_segment_value_types" in flags else ()
        lines = describe_data([OpenedScope("cds_usage", frozenset(flags), usage_kinds=kinds)], EN)
        return {detail.label for line in lines for detail in line.details}

    gone = labels(everything) - labels(everything - {flag})
    assert gone, f"{flag} is not said"
    assert labels(everything - {flag}) - labels(everything) <= {"Number of the account that the service belongs to"}


@pytest.mark.req("WG3C-146")
def test_a_flag_whose_objects_stay_closed_is_not_said() -> None:
    assert summaries(opened("include_usage_segments", "include_account_numbers", "include_meter_numbers")) == ["Your meter usage"]


def test_the_account_number_of_a_service_is_said_when_no_account_is_opened() -> None:
    assert summaries(opened("include_service_contracts", "include_account_numbers")) == ["Your list of services (account numbers)"]


@pytest.mark.req("WG3C-147")
def test_merged_scopes_join_their_categories() -> None:
    one = opened("include_accounts", "include_service_contracts", "include_rate_plans")
    two = opened("include_usage_segments", "include_service_contracts", "include_contract_numbers")
    assert summaries(one, two) == ["Your meter usage", "Your list of accounts", "Your list of services (service numbers and rate plan)"]


def test_program_scopes_name_the_programs() -> None:
    scope = OpenedScope(
        "cds_account_programs", frozenset({"include_accounts", "include_account_programs"}), ("Budget Billing", "Harbor Assist")
    )
    assert summaries(scope)[0] == "Whether your accounts take part in: Budget Billing and Harbor Assist"


def test_a_consent_to_be_counted_says_that_only_the_total_is_shared() -> None:
    [line] = describe_data([OpenedScope("cds_aggregation_consent", frozenset())], EN)
    assert line.summary == "Counting your usage in a combined total"
    assert line.details[0].label == "Only the total of all units together, never your own usage"


def test_kinds_of_usage_are_named_in_each_language() -> None:
    kind = UsageKind("Electricity every 15 minutes", "electric_usage", "kWh", "forward", "quarter_hour")
    scope = OpenedScope("cds_usage", frozenset({"include_usage_segments"}), usage_kinds=(kind,))
    assert describe_data([scope], EN)[0].summary == "Your meter usage (electricity every 15 minutes)"
    assert describe_data([scope], ES)[0].summary == "El consumo de sus medidores (electricidad tomada de la red cada 15 minutos)"
    assert describe_data([scope], EN)[0].details[1].example == "0.42 kWh"


@pytest.mark.req("WG3C-141", "WG3C-148", "WG3C-250")
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_catalogue_holds_a_word_of_the_specification(language: str) -> None:
    messages = LANGUAGES[language]._messages  # the whole catalogue is the subject
    assert [text for text in messages.values() if BANNED.search(re.sub(r"{\w+}", "", text))] == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_has_the_same_sentences_with_the_same_places(language: str) -> None:
    ours, theirs = EN._messages, LANGUAGES[language]._messages
    assert set(ours) == set(theirs)
    for key, text in ours.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", theirs[key])), key


@pytest.mark.req("WG3C-140")
@pytest.mark.parametrize("scope_type", sorted(name for name, kind in SCOPE_TYPES.items() if kind.kind == "consent"))
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_consent_scope_says_what_it_opens_by_itself(scope_type: str, language: str) -> None:
    lines = describe_data([OpenedScope(scope_type, effective_flags(scope_type, {}))], LANGUAGES[language])
    assert lines
    assert all(line.details for line in lines)
