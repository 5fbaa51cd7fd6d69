"""Faults of the utility's file are found, and named by line."""

from pathlib import Path

import pytest

from cds_common.utility import UtilityError, load_utility
from cds_common.utility.check import main

SHIPPED = Path(__file__).parents[4] / "config" / "utility.yaml"
TEXT = SHIPPED.read_text()


def broken(tmp_path: Path, old: str, new: str) -> tuple[Path, int]:
    """A copy with the first `old` replaced, and the line where it stood."""
    assert old in TEXT
    path = tmp_path / "utility.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    return path, TEXT[: TEXT.index(old)].count("\n") + 1


def test_the_shipped_file_is_good(capsys):
    assert main([str(SHIPPED)]) == 0
    assert "Harbor Light & Power" in capsys.readouterr().out


@pytest.mark.req("WG3C-260", "WG3C-262")
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("website: https", "colour: red\nwebsite: https", "Extra inputs"),
        ("America/Los_Angeles", "America/Nowhere", "IANA"),
        ("#0b4f6c", "blue", "pattern"),
        ("token_wait: 2s", "token_wait: 2", "length of time"),
        ("min_customers: 15", "min_customers: 0", "greater than or equal"),
        ("max_share: 0.15", "max_share: 1.5", "less than or equal"),
        ("window: P1Y", "window: 1Y", "duration"),
        ("logo: brand/logo.svg", "logo: brand/../../secret.svg", "inside the configuration folder"),
        ("default_purpose: hlp-any-use", "default_purpose: other", "not one of purposes"),
        ("account_refs: [AC-B-310-77]", "acount_refs: [AC-B-310-77]", "permission has no acount_refs"),
        ("id: cds_client_admin}", "id: admin}", "exactly one scope of type cds_client_admin"),
        ("- type: cds_rate_plan", "- type: cds_rate_plans", "not a known scope type"),
        ("id: cds_rate_plan_hlp", "id: cds_accounts_hlp", "stands twice"),
        ("[hlp-electric, hlp-gas, hlp-water]", "[hlp-electric, hlp-steam]", "hlp-steam is not declared"),
        ("&reviewed [internal-review]", "&reviewed [review]", "review is not declared"),
        ("{default: P13M, maximum: P13M}", "{default: P14M, maximum: P13M}", "'P14M' is refused"),
        ("{default: P13M, maximum: P13M}", "{maximum: 13}", "a date, a duration or infinite"),
        ("{default: P13M, maximum: P13M}", "{is_required: true}", "must be false where customers authorize"),
        ("{default: P13M, maximum: P13M}", "{format: string}", "must be one of relative_or_absolute_datetime"),
        ("id: cds_accounts_hlp", "id: cds_accounts_hlp\n    fields: {include_usage_segments: {}}", "must not offer it"),
        ("id: cds_accounts_hlp", "id: cds_accounts_hlp\n    fields: {include_everything: {}}", "not a field"),
        ("id: cds_accounts_hlp", "id: cds_accounts_hlp\n    without: [sync_until]", "required, or not offered"),
        ("id: cds_accounts_hlp", "id: cds_accounts_hlp\n    fields: {jwk: {default: {kty: EC}}}", "must be null"),
        ("id: cds_accounts_hlp", "id: cds_accounts_hlp\n    grant_admin_scope: nobody", "not a scope of type cds_grant_admin"),
        ("id: cds_service_bills_hlp",
         "id: cds_service_bills_hlp\n    fields: {authorization_form_selection_type: {choices: [account_selection]}}",
         "must hold service_contract_selection, account_selection"),
        ("id: cds_usage_hlp", "id: cds_usage_hlp\n    without: [include_contract_numbers]", "needs the fields include_contract_numbers"),
        ("id: cds_aggregation_consent_hlp", "id: cds_aggregation_consent_hlp\n    fields: {allow_scope_modifications: {default: true}}",
         "must be False"),
        ("id: cds_query_usage_hlp\n    coverages", "id: cds_query_usage_hlp\n    fields_: {}\n    coverages", "Extra inputs"),
        ("type: registration_field\n    field_name: cds_invite_code", "type: internal_review\n    field_name: cds_invite_code",
         "stand with type registration_field"),
        ("    default: null\n", "", "optional field needs a default"),
        ("geojson: coverage/electric.geojson", "description: x", "stands twice"),
        ("name: Harbor Light & Power\n", "name: 5\n", "valid string"),
        ("type: cost, currency: USD", "type: cost", "needs currency"),
    ],
)  # fmt: skip
def test_faults_are_found(tmp_path, old, new, reason):
    path, _ = broken(tmp_path, old, new)
    with pytest.raises(UtilityError) as refused:
        load_utility(path)
    assert reason in str(refused.value)
    assert all(line.startswith(f"{path}:") for line in str(refused.value).splitlines())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{default: P13M, maximum: P13M}", "{default: P14M, maximum: P13M}"),
        ("min_customers: 15", "min_customers: 0"),
        ('primary: "#0b4f6c"', "primary: blue"),
        ("token_wait: 2s", "token_wait: soon"),
    ],
)
def test_faults_name_their_line(tmp_path, old, new):
    path, line = broken(tmp_path, old, new)
    with pytest.raises(UtilityError) as refused:
        load_utility(path)
    assert str(refused.value).startswith(f"{path}:{line}: ")


def test_all_faults_are_listed_at_once(tmp_path):
    path = tmp_path / "u.yaml"
    path.write_text(TEXT.replace("token_wait: 2s", "token_wait: soon").replace("min_customers: 15", "min_customers: 0"))
    with pytest.raises(UtilityError) as refused:
        load_utility(path)
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: x\nname: y\n", "!!python/object/apply:os.system ['true']"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "u.yaml"
    path.write_text(text)
    with pytest.raises(UtilityError):
        load_utility(path)
    assert main([str(path)]) == 1


def test_a_missing_file(tmp_path):
    with pytest.raises(UtilityError, match="No such file"):
        load_utility(tmp_path / "none.yaml")


def test_codes_may_come_from_a_second_file(tmp_path):
    secrets = tmp_path / "codes.yaml"
    secrets.write_text(
        "invite_codes:\n  - code_sha256: "
        + "a" * 64
        + "\n    note: x\n    scopes: [cds_query_usage_hlp]\n    permission: {everything: true}\n"
    )
    assert len(load_utility(SHIPPED, secrets).invite_codes) == len(load_utility(SHIPPED).invite_codes) + 1
    secrets.write_text("scopes: []\n")
    with pytest.raises(UtilityError, match="only a list of invite_codes"):
        load_utility(SHIPPED, secrets)
