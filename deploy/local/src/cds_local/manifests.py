"""Writes the deployment files that follow from the route table and the topic list: `python -m cds_local.manifests`; a test compares."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cds_common.events.topics import TOPICS
from cds_local import envoy, paths
from cds_local.routes import SERVICES, public_routes
from cds_local.topics import wanted_topics

_NOTE = "# Written by `python -m cds_local.manifests`; a test compares.\n"


def _documents(items: list[dict[str, Any]]) -> str:
    return _NOTE + "---\n".join(yaml.safe_dump(item, sort_keys=False, default_flow_style=False) for item in items)


def topics() -> str:
    """Strimzi's KafkaTopics: the same names, partitions and settings as on one machine, three copies of each."""
    return _documents(
        [
            {
                "apiVersion": "kafka.strimzi.io/v1beta2",
                "kind": "KafkaTopic",
                "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": "cds"}},
                "spec": {"partitions": topic.num_partitions, "replicas": 3, "config": dict(topic.topic_configs)},
            }
            for topic in wanted_topics(TOPICS)
        ]
    )


def _http_route(service: str) -> dict[str, Any]:
    matches = [
        {"path": {"type": "Exact" if route.exact else "PathPrefix", "value": route.path}}
        for route in public_routes()
        if route.service == service
    ]
    rule = {"matches": matches, "backendRefs": [{"name": f"{service}-api", "port": 80}], "timeouts": {"request": "60s"}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": service},
        "spec": {"parentRefs": [{"name": "cds"}], "rules": [rule]},
    }


def routes() -> str:
    """One HTTPRoute a service."""
    return _documents([_http_route(service) for service in SERVICES])


def _in_compose(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """The cluster by the container's name instead of a port of this machine."""
    name = str(cluster["name"])
    host, port = (name, 4318) if name == "traces" else (f"{name}-api", 8080)
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {**cluster, "type": "STRICT_DNS", "load_assignment": assignment}


def compose_envoy() -> str:
    """Envoy's configuration for docker-compose.yml: the local one with containers as upstreams."""
    configured = envoy.configuration(
        port=8080, admin_port=9901, services=dict.fromkeys(SERVICES, 8080), access_log=Path("/dev/stdout"), traces_port=4318
    )
    resources = configured["static_resources"]
    listeners = json.loads(json.dumps(resources["listeners"]).replace('"127.0.0.1"', '"0.0.0.0"').replace("127.0.0.1", "traces"))
    resources = {**resources, "listeners": listeners, "clusters": [_in_compose(cluster) for cluster in resources["clusters"]]}
    return json.dumps({**configured, "static_resources": resources}, indent=1) + "\n"


def files(root: Path) -> dict[Path, str]:
    """Every generated file with what it must hold."""
    return {
        root / "deploy/k8s/base/topics.yaml": topics(),
        root / "deploy/k8s/base/routes.yaml": routes(),
        root / "deploy/docker/envoy.json": compose_envoy(),
    }


def main() -> None:
    """Write the files."""
    for path, content in files(paths.repository_root()).items():
        path.write_text(content, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
