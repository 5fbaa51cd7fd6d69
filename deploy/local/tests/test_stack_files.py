"""What a stack keeps on disk: who runs, and the secrets; and what each service is told of them."""

import stat
from pathlib import Path

import pytest

from cds_local import environment, parts, paths, secret_store
from cds_local.processes import Running
from cds_local.run_state import RunState

SERVICES = ("auth", "registry", "usage", "billing", "accounts", "aggregation")


def test_state_is_read_back_by_another_runner(tmp_path: Path) -> None:
    first = RunState.load(tmp_path / "run" / "state.json")
    first.public_url = "http://localhost:1"
    first.started("kafka", Running(pid=10, started=1.5, argv0="java"))
    first.started("postgres", Running(pid=11, started=2.5, argv0="postgres"))
    first.stopped("kafka")
    second = RunState.load(tmp_path / "run" / "state.json")
    assert second.parts == {"postgres": Running(pid=11, started=2.5, argv0="postgres")}
    assert second.public_url == "http://localhost:1"
    assert second.owner.alive


def test_stack_that_never_ran_has_no_parts(tmp_path: Path) -> None:
    assert RunState.load(tmp_path / "state.json").parts == {}


def test_secrets_stay_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    layout = paths.Layout(root=tmp_path, home=tmp_path / ".local")
    layout.create()
    first = secret_store.load(layout.secrets, ("auth",))
    second = secret_store.load(layout.secrets, ("auth", "usage"))
    assert second.items() >= first.items()
    assert "USAGE_DATABASE_PASSWORD" in second
    assert stat.S_IMODE((layout.secrets / "local.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700


def test_secrets_are_long_and_no_two_are_the_same(tmp_path: Path) -> None:
    secrets = secret_store.load(tmp_path, SERVICES)
    assert len(set(secrets.values())) == len(secrets)
    assert len(secrets["INTERNAL_KEY"]) >= 64
    assert all(len(value) >= 32 for value in secrets.values())


def _environment(service: str, secrets: dict[str, str]) -> dict[str, str]:
    return environment.service_environment(
        service,
        secrets=secrets,
        port_numbers=parts.fixed_ports(SERVICES),
        public_url="http://localhost:8080",
        traces=True,
        trace_sample_ratio=0.1,
        files=Path("/files"),
        utility_config=Path("/config/utility.yaml"),
    )


def test_service_is_told_its_own_secrets_only(tmp_path: Path) -> None:
    secrets = secret_store.load(tmp_path, SERVICES)
    told = _environment("usage", secrets)
    assert all(name.startswith("CDS_USAGE_") for name in told)
    assert secrets["USAGE_DATABASE_PASSWORD"] in told["CDS_USAGE_DATABASE_URL"]
    foreign = {value for name, value in secrets.items() if name not in {"USAGE_DATABASE_PASSWORD", "INTERNAL_KEY"}}
    assert not any(secret in value for value in told.values() for secret in foreign)


def test_auth_and_registry_share_the_credential_key_but_no_encryption_key(tmp_path: Path) -> None:
    secrets = secret_store.load(tmp_path, SERVICES)
    auth, registry = _environment("auth", secrets), _environment("registry", secrets)
    assert auth["CDS_AUTH_CREDENTIAL_KEY"] == registry["CDS_REGISTRY_CREDENTIAL_KEY"]
    assert auth["CDS_AUTH_ENCRYPTION_KEYS"] != registry["CDS_REGISTRY_ENCRYPTION_KEYS"]
    assert registry["CDS_REGISTRY_FILES_DIR"] == "/files/registry"
    assert auth["CDS_AUTH_ACCOUNTS_INTERNAL_URL"] == f"http://127.0.0.1:{parts.fixed_ports(SERVICES)['accounts-api']}"


def test_auth_alone_is_told_where_every_access_log_is(tmp_path: Path) -> None:
    secrets, numbers = secret_store.load(tmp_path, SERVICES), parts.fixed_ports(SERVICES)
    auth, usage = _environment("auth", secrets), _environment("usage", secrets)
    for service in ("accounts", "billing", "usage", "aggregation"):
        assert auth[f"CDS_AUTH_{service.upper()}_INTERNAL_URL"] == f"http://127.0.0.1:{numbers[f'{service}-api']}"
    assert "CDS_USAGE_BILLING_INTERNAL_URL" not in usage


def test_no_two_parts_have_one_fixed_port() -> None:
    numbers = parts.fixed_ports(SERVICES)
    assert len(set(numbers.values())) == len(numbers) == len(parts.port_names(SERVICES))


def test_folder_that_others_cannot_enter_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(paths, "drops_root", lambda: True)
    monkeypatch.setattr(paths, "stand_in", lambda _wanted: tmp_path / "stand-in")
    monkeypatch.setattr(paths, "reachable_by_others", lambda wanted: "closed" not in str(wanted))
    assert paths.reachable_folder(tmp_path / "open") == tmp_path / "open"
    assert paths.reachable_folder(closed / "postgres") == tmp_path / "stand-in"


def test_reachable_means_every_folder_above(tmp_path: Path) -> None:
    top = Path("/var/tmp")
    assert paths.reachable_by_others(top)
    closed = tmp_path / "closed"
    (closed / "below").mkdir(parents=True)
    closed.chmod(0o700)
    assert not paths.reachable_by_others(closed / "below")


def test_folder_under_var_tmp_of_another_user_is_refused(tmp_path: Path) -> None:
    assert paths.owned_folder(tmp_path / "mine") == tmp_path / "mine"
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "mine")
    for folder in (open_to_all, link):
        with pytest.raises(paths.UnsafeFolder):
            paths.owned_folder(folder)
