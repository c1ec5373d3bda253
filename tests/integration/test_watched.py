"""What Prometheus scrapes of real services, and what the dashboards and alerts in `docker/` ask."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import yaml

from streams.kafka import admin
from streams.settings import Settings
from tests.support.intakes import IntakeProcess, put, raw_topic
from tests.support.monitors import MonitorProcess
from tests.support.prometheus import FOLDER, Prometheus, prometheus, tool
from tests.support.receiver import SECRET, WebhookProcess, endpoint
from tests.support.users import UsersProcess
from tests.support.vllm_stub import Stub
from tests.support.workers import NamerProcess, WorkerProcess, activities, produce, until

DASHBOARDS: Final = sorted((FOLDER.parent / "grafana" / "dashboards").glob("*.json"))
KINDS: Final = {
    "worker": WorkerProcess,
    "intake": IntakeProcess,
    "monitor": MonitorProcess,
    "webhook": WebhookProcess,
    "users": UsersProcess,
}

# What Grafana puts in for its variables, where all was scraped a moment ago.
TIMES: Final = {"$__rate_interval": "2m", "$__range": "5m"}
# A series of an expression: its name, and what its labels must be.
SELECTOR: Final = re.compile(r"\b(?:journeys_\w+|process_\w+|up)\b(?:\{[^}]*\})?")


def questions() -> Iterator[tuple[str, str]]:
    """Each query of each dashboard, under the name of dashboard and panel."""
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for variable, value in TIMES.items():
                    expression = expression.replace(variable, value)
                yield f"{dashboard['title']}, {panel['title']}", expression


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.broker
async def test_every_query_and_every_alert_is_answered_by_what_real_services_tell(
    settings: Settings, stub: Stub, tmp_path: Path
) -> None:
    promtool = tool("promtool")
    admin.create(settings)
    topic = raw_topic(settings, "raw", 1)

    asked = {
        "vllm_url": stub.url,
        "input_topics": topic,
        "webhook_http": True,
        "webhook_secret": SECRET,
    }

    def watched(receiver: str) -> None:
        kinds: dict[str, type[WorkerProcess]] = {"namer": NamerProcess, **KINDS}
        with ExitStack() as stack:
            running = {}
            for name, kind in kinds.items():
                running[name] = kind(settings, tmp_path, webhook_url=receiver, **asked)
                stack.callback(running[name].kill)
            ports = {name: int(one.settings.web_port or 0) for name, one in running.items()}
            server = stack.enter_context(prometheus(tmp_path, ports))
            for one in running.values():
                one.wait_ready()
            until(lambda: sum(server.values("up")) == len(ports), "each is scraped")
            log = activities()
            put(settings, topic, [*log[:200], {"user_id": "u"}])
            produce(settings, log[200:])
            _answered(server)
            for one in running.values():
                text = one.get("/metrics")[1]
                checked = subprocess.run(
                    [promtool, "check", "metrics"], input=text, text=True, capture_output=True
                )
                assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout

    async with endpoint() as receiver:
        await asyncio.to_thread(watched, receiver.url)


def _answered(server: Prometheus) -> None:
    for where, expression in questions():
        until(lambda: server.values(expression), f"{where}: {expression} gives data", every=0.5)  # noqa: B023
    for rule in rules():
        server.values(rule["expr"])
        for series in SELECTOR.findall(rule["expr"]):
            assert server.values(series), f"{rule['alert']}: there is no {series}"
    (group,) = server.ask("rules")["groups"]
    states = {rule["name"]: rule["state"] for rule in group["rules"] if rule["health"] == "ok"}
    assert states.keys() == {rule["alert"] for rule in rules()}
    assert {name for name, state in states.items() if state == "firing"} == set()


@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ],
)
def test_alerts_fire_when_they_should_and_not_when_they_should_not(command: list[str]) -> None:
    done = subprocess.run([tool("promtool"), *command], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_dashboard_can_be_told_from_the_others_and_names_its_source() -> None:
    dashboards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert len({one["uid"] for one in dashboards}) == len(dashboards) == 3
    for dashboard in dashboards:
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)
        assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"${source}"}
        assert all(panel["description"] for panel in dashboard["panels"])
