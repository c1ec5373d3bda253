"""Each service runs as its container would: another user, no home, nothing to write but a volume.

The commands and variables are those of `docker/compose.yaml`.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.demo.broker import free_port
from streams.settings import Settings
from streams.topics import Topics
from tests.support import processes
from tests.support.containers import DOCKER, compose, contained, settings_of
from tests.support.receiver import SECRET
from tests.support.workers import WorkerProcess, read, until

HEALTHY = [sys.executable, "-P", str(DOCKER / "healthy.py")]


class ContainedProcess(WorkerProcess):
    """A compose service as its container would run it, on a broker of the tests."""

    def __init__(self, name: str, settings: Settings, folder: Path) -> None:
        self.command = name
        self.settings = settings.model_copy(update={"web_port": free_port()})
        self.volume = folder / f"{name}-volume"
        self.volume.mkdir()
        self.log = folder / f"{name}.log"
        service = compose()[name]
        self.environment = settings_of(service) | {
            "JOURNEYS_BROKER": settings.broker,
            "JOURNEYS_TOPIC_PREFIX": settings.topic_prefix,
            "JOURNEYS_GROUP": settings.group,
            "JOURNEYS_WEB_PORT": str(self.settings.web_port),
            "JOURNEYS_WEB_TOKEN": "journeys",
        }
        if name == "intake":
            self.environment["JOURNEYS_INPUT_TOPICS"] = f"{settings.topic_prefix}raw"
        if name == "webhook":
            self.environment |= {
                "JOURNEYS_WEBHOOK_URL": f"http://127.0.0.1:{free_port()}",  # nobody is there
                "JOURNEYS_WEBHOOK_HTTP": "true",
                "JOURNEYS_WEBHOOK_SECRET": SECRET,
            }
        command = service["command"]
        if service.get("entrypoint"):  # a shell's
            journeys = f"{sys.executable} -P -m streams.cli"
            line = command[0].replace("journeys ", f"{journeys} ").replace("--rate 50", "")
            command = ["/bin/sh", "-c", line]
        with self.log.open("wb") as log:
            self.process = processes.start(
                contained(self.volume, command, **self.environment), stdout=log, stderr=log
            )

    def kill(self) -> None:
        """All that is in the container ends with it."""
        super().kill()
        until(lambda: self.get("/healthz")[0] == 0, f"the {self.command} is gone", 10)

    def done(self) -> int:
        code: int = self.process.wait(60)
        return code

    def check(self, path: str) -> subprocess.CompletedProcess[str]:
        """The container's own health check."""
        command = contained(self.volume, [*HEALTHY, path], **self.environment)
        return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """Starts services, and ends them."""
    running: list[ContainedProcess] = []

    def start(name: str) -> ContainedProcess:
        running.append(ContainedProcess(name, settings, tmp_path))
        return running[-1]

    yield start
    for one in running:
        one.kill()


def test_from_topics_to_changes_in_containers(settings: Settings, run: Any) -> None:
    topics = run("topics")
    assert topics.done() == 0, topics.log.read_text()
    services = [run(name) for name in ("worker", "namer", "monitor", "users", "webhook")]
    producer = run("producer")
    assert producer.done() == 0, producer.log.read_text()
    changes = Topics.of(settings).changes
    for service in services:
        service.wait_ready()
        for path in ("/healthz", "/readyz"):
            checked = service.check(path)
            assert checked.returncode == 0, checked
        assert service.get("/metrics")[0] == 200
    until(lambda: len(read(settings, changes)) > 200, "changes come", every=1)
    rows = Topics.of(settings).user_journeys
    until(lambda: read(settings, rows), "so do users' rows", every=1)
    (worker, *_, webhook) = services
    until(lambda: webhook.count("journeys_webhook_tries_total"), "changes are sent", every=1)
    assert list(worker.volume.rglob("*.nbi")), "what numba compiled is kept on the volume"
    for service in services:
        assert service.process.poll() is None, service.log.read_text()


def test_without_a_place_for_what_is_compiled_it_is_compiled_anew(tmp_path: Path) -> None:
    compiled = "from models.engine.kernel import nearest; print(type(nearest).__name__)"
    done = subprocess.run(
        contained(tmp_path, [sys.executable, "-c", compiled], NUMBA_CACHE_DIR="/proc/none"),
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("CPUDispatcher\n", "")


def test_a_check_fails_where_nothing_answers_and_where_a_service_is_not_ready(
    settings: Settings, run: Any
) -> None:
    topics = run("topics")
    assert topics.done() == 0
    assert topics.check("/healthz").stdout == "nothing answers\n"
    intake = run("intake")
    assert intake.done() == 2, "its topic is missing"
    assert intake.check("/readyz").returncode == 1
