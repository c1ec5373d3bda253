"""A real Prometheus, Debian's, with the configuration and the rules of `docker/prometheus`.

Only where it scrapes and how often is the test's: services are at ports of this machine.
"""

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from streams.demo.broker import free_port
from tests.support import processes
from tests.support.workers import until

FOLDER: Final = Path(__file__).parents[2] / "docker" / "prometheus"
EVERY: Final = "1s"


def tool(name: str) -> str:
    """The path of `prometheus` or `promtool`; a test that wants it is skipped where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name} (on Debian: apt-get install prometheus)")
    return found


class Prometheus:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **query: str) -> Any:
        """What its HTTP API answers; an expression that it cannot read raises `HTTPError`."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[float]:
        """What an expression gives now, a number for each of its series."""
        data = self.ask("query", query=expression)
        found = [data["value"]] if data["resultType"] == "scalar" else data["result"]
        numbers = [float(one["value"][1] if isinstance(one, dict) else one[1]) for one in found]
        return [number for number in numbers if not isnan(number)]


@contextmanager
def prometheus(folder: Path, ports: Mapping[str, int]) -> Iterator[Prometheus]:
    """Run it.

    Args:
        folder: Where it keeps what it scrapes.
        ports: Of the services, by the name of their job.
    """
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": EVERY, "evaluation_interval": EVERY}
    config["rule_files"] = [str(FOLDER / name) for name in config["rule_files"]]
    assert {job["job_name"] for job in config["scrape_configs"]} == ports.keys()
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = processes.start(
            [
                tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    server = Prometheus(f"http://{address}")
    try:
        until(lambda: _answers(server.url), "Prometheus is ready")
        yield server
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
