"""The deployment files are valid, keep the same shape as the local runner, and run nothing as root."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs]
import pytest
import yaml

from cds_common.events.topics import TOPICS
from cds_local import manifests
from cds_local.routes import PRIVATE_PREFIXES, SERVICES, public_routes

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OVERLAYS = ("local", "production")
FOREIGN = {"Gateway", "HTTPRoute", "Cluster", "Database", "Kafka", "KafkaNodePool", "KafkaTopic", "BackendTrafficPolicy"}
"""Kinds of Gateway API, Envoy Gateway, CloudNativePG and Strimzi, which kubernetes-validate has no schemas for."""


@cache
def rendered(overlay: str) -> list[dict[str, Any]]:
    kubectl = shutil.which("kubectl", path=str(BIN))
    assert kubectl is not None, "kubectl comes with the development tools"
    done = subprocess.run(
        [kubectl, "kustomize", str(ROOT / "deploy" / "k8s" / "overlays" / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, kind: str) -> list[dict[str, Any]]:
    return [item for item in rendered(overlay) if item["kind"] == kind]


@pytest.mark.parametrize("path", sorted(manifests.files(ROOT)), ids=lambda path: path.name)
def test_generated_files_say_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == manifests.files(ROOT)[path], "run: python -m cds_local.manifests"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    for item in rendered(overlay):
        if item["kind"] not in FOREIGN:
            kubernetes_validate.validate(item, "1.33", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_service_has_an_api_a_worker_and_a_migration(overlay: str) -> None:
    names = {item["metadata"]["name"] for item in rendered(overlay) if item["kind"] in {"Deployment", "Job"}}
    assert names == {f"{service}-{part}" for service in SERVICES for part in ("api", "worker", "migrate")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_containers_run_without_rights_and_with_their_own_settings(overlay: str) -> None:
    for item in [*of_kind(overlay, "Deployment"), *of_kind(overlay, "Job")]:
        spec = item["spec"]["template"]["spec"]
        service = item["metadata"]["name"].rsplit("-", 1)[0]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {source["prefix"] for source in container["envFrom"]} == {f"CDS_{service.upper()}_"}
        assert container["envFrom"][2]["secretRef"]["name"] == f"cds-{service}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_long_running_containers_have_probes(overlay: str) -> None:
    for item in of_kind(overlay, "Deployment"):
        (container,) = item["spec"]["template"]["spec"]["containers"]
        assert {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "startupProbe")} == {"/health/live"}
        assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_gateway_leads_exactly_the_public_routes(overlay: str) -> None:
    led = {
        (match["path"]["type"] == "Exact", match["path"]["value"], rule["backendRefs"][0]["name"])
        for route in of_kind(overlay, "HTTPRoute")
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    }
    assert led == {(route.exact, route.path, f"{route.service}-api") for route in public_routes()}
    assert not [path for _, path, _ in led if path.startswith(PRIVATE_PREFIXES)]


def test_every_topic_and_its_dead_letters_are_made() -> None:
    names = {item["metadata"]["name"] for item in of_kind("production", "KafkaTopic")}
    assert names == {name for topic in TOPICS for name in (topic.name, topic.dead)}


def test_compose_runs_the_same_parts() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert set(services) == {"postgres", "kafka", "topics", "traces", "ingress"} | {
        f"{service}-{part}" for service in SERVICES for part in ("migrate", "api", "worker")
    }
    for service in SERVICES:
        environment = services[f"{service}-api"]["environment"]
        assert environment["CDS_SERVICE"] == service
        assert all(name == "CDS_SERVICE" or name.startswith(f"CDS_{service.upper()}_") for name in environment)
    published = [port for part in services.values() for port in part.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_dockerfile_has_no_faults() -> None:
    hadolint = shutil.which("hadolint", path=str(BIN))
    assert hadolint is not None, "hadolint comes with the development tools"
    done = subprocess.run([hadolint, str(ROOT / "deploy" / "docker" / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name in ("DATABASE_PASSWORD", "INTERNAL_KEY", "CREDENTIAL_KEY", "AUTH_ENCRYPTION_KEYS", "REGISTRY_ENCRYPTION_KEYS"):
        assert f"${{{name}:-" not in text


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_ingress_compresses_what_data_services_answer(overlay: str) -> None:
    (policy,) = of_kind(overlay, "BackendTrafficPolicy")
    targets = {target["name"] for target in policy["spec"]["targetRefs"]}
    assert targets == {route.service for route in public_routes() if route.path.startswith("/cds/v1/") and route.compressed} - {"registry"}
    assert [one["type"] for one in policy["spec"]["compression"]] == ["Zstd", "Gzip"]
