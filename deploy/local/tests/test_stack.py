"""The stack starts, survives the death of its parts, stands beside another one and leaves nothing behind."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner

from cds_local import leftovers, paths
from cds_local.cli import app
from cds_local.processes import PartFailed
from cds_local.run_state import RunState
from cds_local.stack import LocalStack, OtherAddress, PortTaken

pytestmark = pytest.mark.slow


def _beside(stack: LocalStack, **changed) -> LocalStack:
    options = {"port_choice": "free", "services": ("usage",), "cache": stack.cache, "durable": False, "python_path": stack.root / "src"}
    return LocalStack(stack.root, **options | changed)


def test_every_part_is_ready(stack: LocalStack) -> None:
    assert {part.name: part.state for part in stack.status()} == dict.fromkeys(
        ["postgres", "kafka", "traces", "usage-api", "usage-worker", "envoy"], "ready"
    )
    assert all(part.memory_bytes > 0 for part in stack.status())


def test_up_again_starts_nothing(stack: LocalStack) -> None:
    before = {part.name: part.pid for part in stack.status()}
    stack.up()
    assert {part.name: part.pid for part in stack.status()} == before


async def test_database_is_migrated(stack: LocalStack) -> None:
    address = stack.environment("usage")["CDS_USAGE_DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(address)
    try:
        assert await connection.fetchval("select to_regclass('seen') is not null")
    finally:
        await connection.close()


def test_service_gets_its_settings(stack: LocalStack) -> None:
    told = httpx.get(f"{stack.api_url('usage')}/x").json()["settings"]
    assert {"CDS_USAGE_DATABASE_URL", "CDS_USAGE_INTERNAL_KEY", "CDS_USAGE_KAFKA_BOOTSTRAP_SERVERS"} <= set(told)
    assert all(name.startswith("CDS_USAGE_") for name in told)


def test_metrics_of_every_process_are_read(stack: LocalStack) -> None:
    address = f"http://127.0.0.1:{stack.ports['traces']}"
    until = time.monotonic() + 60
    targets = httpx.get(f"{address}/api/metrics").json()
    while any(target["problem"] for target in targets) and time.monotonic() < until:
        time.sleep(0.5)
        targets = httpx.get(f"{address}/api/metrics").json()
    assert {target["name"]: target["samples"] for target in targets} == {
        name: [{"name": "standin_requests_total", "labels": {}, "value": 7.0}] for name in ("usage-api", "usage-worker")
    }
    assert "standin_requests_total" in httpx.get(f"{address}/metrics-page").text


def test_killed_service_is_reported_and_comes_back(stack: LocalStack) -> None:
    stack.kill("usage-api")
    assert next(part.state for part in stack.status() if part.name == "usage-api") == "crashed"
    assert httpx.get(f"{stack.public_url}/cds/v1/eacs").status_code == 503
    stack.start("usage-api")
    assert httpx.get(f"{stack.public_url}/cds/v1/eacs").status_code == 200


async def test_killed_database_keeps_what_was_committed(stack: LocalStack) -> None:
    address = stack.environment("usage")["CDS_USAGE_DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(address)
    await connection.execute("insert into seen values ('before the kill')")
    stack.kill("postgres")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("select 1")
    connection.terminate()
    stack.start("postgres")
    connection = await asyncpg.connect(address)
    try:
        assert await connection.fetchval("select word from seen") == "before the kill"
    finally:
        await connection.close()


async def test_killed_broker_keeps_what_it_acknowledged(stack: LocalStack) -> None:
    servers = stack.kafka_bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        await producer.send_and_wait("cds.clients", b"kept", key=b"1")
    stack.kill("kafka")
    stack.start("kafka")
    async with AIOKafkaConsumer("cds.clients", bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        assert (await consumer.getone()).value == b"kept"


def test_stack_beside_shares_nothing_and_leaves_nothing(stack: LocalStack) -> None:
    before = {part.name: part.pid for part in stack.status()}
    with _beside(stack) as second:
        assert not set(second.ports.values()) & set(stack.ports.values())
        assert second.secrets["INTERNAL_KEY"] != stack.secrets["INTERNAL_KEY"]
        assert httpx.get(f"{second.public_url}/cds/v1/eacs").status_code == 200
        pids = [part.pid for part in second.status()]
        home = second.layout.home
    assert not home.exists()
    assert not [pid for pid in pids if pid is None or psutil.pid_exists(pid)]
    assert {part.name: part.pid for part in stack.status()} == before


def test_part_that_crashes_at_start_says_why(stack: LocalStack) -> None:
    second = _beside(stack, environment={"STANDIN_CRASH": "1"})
    try:
        with pytest.raises(PartFailed, match="usage-worker ended while it started") as failed:
            second.up()
        assert "the stand-in's last words" in str(failed.value)
    finally:
        second.down()


def test_port_of_a_stranger_is_named(stack: LocalStack) -> None:
    second = _beside(stack)
    with (
        socket.create_server(("127.0.0.1", second.ports["traces"])),
        pytest.raises(PortTaken, match=f"port {second.ports['traces']} of traces"),
    ):
        second.start("traces")
    second.down()


def test_other_public_address_is_refused_while_running(stack: LocalStack) -> None:
    same_home = _beside(stack, home=stack.layout.home, public_url="https://data.example.org")
    with pytest.raises(OtherAddress, match="stop it before"):
        same_home.up()


def test_stack_of_a_dead_runner_is_swept_away(stack: LocalStack) -> None:
    code = (
        "import sys; from pathlib import Path; from cds_local.stack import LocalStack; import os\n"
        "stack = LocalStack(Path(sys.argv[1]), port_choice='free', services=('usage',), cache=Path(sys.argv[2]), durable=False)\n"
        "stack.layout.create(); stack.start('postgres'); print(stack.layout.home, flush=True); os._exit(1)\n"
    )
    crashed = subprocess.run([sys.executable, "-c", code, str(stack.root), str(stack.cache)], capture_output=True, text=True, check=False)
    home = Path(crashed.stdout.strip())
    running = RunState.load(home / "run" / "state.json").parts["postgres"]
    assert running.alive
    leftovers.sweep(stack.root)
    assert not running.alive
    assert not home.exists()
    assert stack.alive("postgres")


def test_down_leaves_a_stranger_with_the_old_pid_alone(stack: LocalStack, tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        state = {"owner": {"pid": 1, "started": 0, "argv0": "runner"}, "public_url": ""}
        state["parts"] = {"kafka": {"pid": stranger.pid, "started": 1_000.0, "argv0": "java"}}
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "state.json").write_text(json.dumps(state))
        _beside(stack, home=tmp_path).down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


class TestCommands:
    def test_bare_command_lists_what_there_is(self) -> None:
        shown = CliRunner().invoke(app, []).output
        assert all(name in shown for name in ("up", "down", "status", "logs", "topics", "trace", "migrate"))

    @pytest.mark.parametrize("arguments", [["logs", "nosuch"], ["migrate", "nosuch"], ["trace", "xyz"]])
    def test_wrong_name_is_explained(self, arguments: list[str]) -> None:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2
        assert "Traceback" not in result.output

    def test_logs_are_shown_as_they_are(self, stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cds_local.cli._stack", lambda: stack)
        (stack.layout.logs / "usage-api.log").write_text("[a] line\n")
        assert "[a] line" in CliRunner().invoke(app, ["logs", "usage"]).output

    def test_status_and_topics_show_what_runs(self, stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cds_local.cli._stack", lambda: stack)
        assert CliRunner().invoke(app, ["status"]).exit_code == 0
        assert "cds.grants" in CliRunner().invoke(app, ["topics"]).output


def test_repository_is_found_from_anywhere_below(tmp_path: Path) -> None:
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    (tmp_path / "deploy" / "local" / "pyproject.toml").touch()
    assert paths.repository_root(tmp_path / "deploy" / "local" / "x" / "y") == tmp_path
    with pytest.raises(FileNotFoundError):
        paths.repository_root(Path("/proc/1"))
