"""What `docker/` says of commands, settings, ports and topics is so."""

import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from streams.cli import main
from streams.input import mapping_of, topics_of
from streams.intake import health as intake
from streams.namer import health as namer
from streams.settings import Settings
from streams.settings.services import MONITOR_PORT
from streams.topics import Topics
from streams.users import health as users
from streams.webhook import health as webhook
from streams.worker import health as worker
from tests.support.containers import (
    DOCKER,
    ROOT,
    VOLUME,
    compose,
    image_environment,
    instructions,
    manifests,
    settings_of,
)
from tests.support.receiver import SECRET

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
IMAGE = f"interest-journeys:{VERSION}"
PORTS = {
    "worker": worker.PORT,
    "namer": namer.PORT,
    "intake": intake.PORT,
    "monitor": MONITOR_PORT,
    "webhook": webhook.PORT,
    "users": users.PORT,
}

SERVICES = {name: one for name, one in compose().items() if one["image"] == IMAGE}
(CONFIG,) = [one for one in manifests() if one["kind"] == "Kustomization"]
MAPS = {
    one["name"]: dict(line.split("=", 1) for line in one["literals"])
    for one in CONFIG["configMapGenerator"]
}
LITERALS = MAPS["journeys"]
OBJECTS = {
    (one["kind"], one["metadata"]["name"]): one
    for one in manifests()
    if one["kind"] != "Kustomization"
}


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, spec and only container of each pod in the manifests."""
    for (_, name), one in OBJECTS.items():
        if template := one["spec"].get("template"):
            (container,) = template["spec"]["containers"]
            yield name, template["spec"], container


# What manifests take of a Secret, as it may be.
SECRETS = {
    "JOURNEYS_WEB_TOKEN": "secret",
    "JOURNEYS_WEBHOOK_URL": "https://example.com/hook",
    "JOURNEYS_WEBHOOK_SECRET": SECRET,
}


def claims(name: str) -> list[dict[str, Any]]:
    """What a pod's StatefulSet claims of volumes; nothing of what is none."""
    found: list[dict[str, Any]] = OBJECTS.get(("StatefulSet", name), {"spec": {}})["spec"].get(
        "volumeClaimTemplates", []
    )
    return found


def understood(arguments: list[str]) -> bool:
    """Whether `journeys` knows the command and its flags; nothing is run."""
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *arguments = arguments
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no command {name}"
        command = found
    command.make_context("journeys", arguments)
    return True


def loads(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a container with these variables; refuses those that are none."""
    ours = {name: one for name, one in image_environment().items() if name.startswith("JOURNEYS_")}
    for name, value in (ours | environment).items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_the_image_has_what_it_copies_and_nothing_else_is_sent_to_the_engine() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source
        for keyword, rest in instructions()
        if keyword == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert "*" in rules
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_says_what_it_is() -> None:
    said = dict(instructions())
    assert f'org.opencontainers.image.version="{VERSION}"' in said["LABEL"]
    assert {int(port) for port in said["EXPOSE"].split()} == set(PORTS.values())
    assert (said["USER"], said["VOLUME"]) == ("10001:10001", VOLUME)


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_has_a_command_and_settings_that_there_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SERVICES[name]
    (line, *more) = service["command"]
    commands = line.split(" | ") if service.get("entrypoint") else [shlex.join([line, *more])]
    for command in commands:
        assert understood(shlex.split(command.removeprefix("journeys ")))
    settings = loads(settings_of(service), monkeypatch)
    host, _, port = settings.broker.partition(":")
    assert f"PLAINTEXT://{host}:{port}" in compose()[host]["environment"][
        "KAFKA_ADVERTISED_LISTENERS"
    ].split(",")
    for published in service.get("ports", ()):
        assert published == f"127.0.0.1:{PORTS[name]}:{PORTS[name]}"
    names = {key.removeprefix("JOURNEYS_").lower() for key in service["environment"]}
    assert names <= Settings.model_fields.keys(), "those that come from the shell, too"


def test_with_a_gpu_the_namer_asks_the_server_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = compose("compose.gpu.yaml")
    url = loads(settings_of(gpu["namer"]), monkeypatch).vllm_url
    assert url == "http://vllm:8000/v1"
    assert gpu.keys() <= compose().keys() | {"vllm"}


def test_what_compose_mounts_is_there_and_every_image_has_a_version() -> None:
    for service in compose().values():
        assert ":" in service["image"].rpartition("/")[2]
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (DOCKER / source).is_dir()


def test_prometheus_scrapes_each_service_at_its_port() -> None:
    jobs = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    found = {}
    for job in jobs:
        ((config,),) = [job["dns_sd_configs"]]
        assert config["names"] == [job["job_name"]]
        found[job["job_name"]] = config["port"]
    assert found == PORTS
    assert found.keys() <= SERVICES.keys()


def test_a_pod_runs_a_command_that_there_is_with_settings_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {tag["name"]: tag["newTag"] for tag in CONFIG["images"]} == dict([IMAGE.split(":")])
    names = set()
    for name, _, container in pods():
        names.add(name)
        assert understood(container["args"])
        variables = {one["name"]: SECRETS[one["name"]] for one in container.get("env", ())}
        for source in container["envFrom"]:
            variables |= MAPS[source["configMapRef"]["name"]]
        with monkeypatch.context() as patch:
            settings = loads(variables, patch)
        reads = topics_of(settings, mapping_of(settings))
        assert bool(reads) == (name == "intake"), "nobody else has its mapping's file"
    assert names == {"topics", *PORTS}
    off = [one["name"] for one in CONFIG["replicas"] if one["count"] == 0]
    assert off == ["intake", "webhook"], "its topics are an example; who wants one says where to"
    assert {f"{name}.yaml" for name in names} == set(CONFIG["resources"])


def test_a_pod_is_asked_where_its_service_answers() -> None:
    for name, _, container in pods():
        if name not in PORTS:
            continue
        assert container["ports"] == [{"name": "web", "containerPort": PORTS[name]}]
        paths = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness")}
        assert all(one == {"path": "/healthz", "port": "web"} for one in paths.values())
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "web"}
        assert OBJECTS["Service", name]["spec"]["ports"][0]["port"] == PORTS[name]


def test_a_pod_may_write_its_volumes_only_and_is_given_no_variables_of_kubernetes() -> None:
    """Those would begin with JOURNEYS_ for a service of that name, and unknown ones are refused."""
    for name, pod, container in pods():
        assert pod["enableServiceLinks"] is False, name
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        mounted = {one["mountPath"] for one in container["volumeMounts"]}
        assert {one["name"] for one in container["volumeMounts"]} <= {
            one["metadata"]["name"] if "metadata" in one else one["name"]
            for one in [*pod["volumes"], *claims(name)]
        }
        assert mounted >= ({"/tmp", VOLUME} if name in PORTS else {"/tmp"})


def test_the_operator_gives_jobs_the_names_that_alerts_go_by() -> None:
    monitor = OBJECTS["ServiceMonitor", "journeys"]["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]
    assert set(expression["values"]) == PORTS.keys()
    for name in expression["values"]:
        service = OBJECTS["Service", name]
        assert service["metadata"]["labels"][monitor["jobLabel"]] == name
        assert service["spec"]["ports"][0]["name"] == monitor["endpoints"][0]["port"]


def test_of_services_that_share_work_one_at_a_time_may_be_taken_away() -> None:
    for name in PORTS.keys() - {"monitor"}:  # each monitor is by itself
        budget = OBJECTS["PodDisruptionBudget", name]["spec"]
        assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}
        service = OBJECTS["Service", name]["spec"]
        assert service["publishNotReadyAddresses"], "what is not ready is scraped, too"


def test_kustomize_puts_the_manifests_together() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    folder = DOCKER / "kubernetes"
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True)
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(made.stdout)}
    for (kind, name), one in found.items():
        if kind in ("Deployment", "StatefulSet"):
            assert (one["spec"]["replicas"] == 0) == (name in ("intake", "webhook"))
            (container,) = one["spec"]["template"]["spec"]["containers"]
            assert container["image"] == IMAGE
            for source in container["envFrom"]:
                assert ("ConfigMap", source["configMapRef"]["name"]) in found


def test_keda_looks_at_the_groups_and_topics_of_the_services() -> None:
    settings = Settings.load()
    topics = Topics.of(settings)
    wanted = {
        "worker": (settings.group, topics.activities),
        "namer": (f"{settings.group}-namer", topics.requests),
    }
    for name, group_and_topic in wanted.items():
        spec = OBJECTS["ScaledObject", name]["spec"]
        target = spec["scaleTargetRef"]
        assert (target["kind"], target["name"]) in OBJECTS
        (trigger,) = [one["metadata"] for one in spec["triggers"]]
        assert (trigger["consumerGroup"], trigger["topic"]) == group_and_topic
        assert trigger["bootstrapServers"] == LITERALS["JOURNEYS_BROKER"]
        assert spec["maxReplicaCount"] <= int(LITERALS["JOURNEYS_PARTITIONS"])
