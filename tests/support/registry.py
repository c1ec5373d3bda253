"""The schema registry that the suite runs on: Apicurio, by its interface that is Confluent's.

It comes from Maven Central once, stays under `~/.cache/journeys-tests`, and keeps what it is told
in memory.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from models.errors import SettingsError
from streams.demo.broker import free_port, spawn

VERSION: Final = "3.0.9"  # the last line that runs on Java 17
HOME: Final = Path.home() / ".cache" / "journeys-tests" / "apicurio" / VERSION
JAR: Final = HOME / f"apicurio-registry-app-{VERSION}-runner.jar"
READY_SECONDS: Final = 120.0  # fifteen alone, on two cores

ARTIFACT: Final = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"


def fetch() -> None:
    """Have the registry on this machine.

    Raises:
        SettingsError: Java or Maven is missing, or Maven fails.
    """
    missing = [tool for tool in ("java", "mvn") if not shutil.which(tool)]
    if missing:
        raise SettingsError(
            f"the tests on a real schema registry need {' and '.join(missing)} (on Debian: apt-get "
            "install openjdk-17-jre-headless maven); `pytest --broker embedded` does without"
        )
    if JAR.is_file():
        return
    HOME.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME.parent) as work:
        maven = subprocess.run(
            [
                "mvn",
                "-B",
                "-q",
                "dependency:copy",
                f"-Dartifact={ARTIFACT}",
                f"-DoutputDirectory={work}",
            ],
            cwd=work,
            capture_output=True,
            text=True,
        )
        if maven.returncode:
            raise SettingsError(
                f"Maven cannot fetch Apicurio Registry {VERSION}: {maven.stdout.strip()[:500]}"
            )
        [archive] = Path(work).glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(Path(work, "app"), filter="data")
        # Renamed when complete: a run that was cut short must not leave half of it.
        if not HOME.is_dir():
            Path(work, "app").rename(HOME)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Run the registry; gives the url of its Confluent interface."""
    port, log = free_port(), folder / "registry.log"
    environment = {
        **os.environ,
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_LOG_LEVEL": "WARN",
    }
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    with log.open("wb") as out:
        java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-jar", str(JAR)]
        server = spawn(java, out, environment)
        try:
            _wait(server, url, log)
            yield url
        finally:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/subjects", timeout=5):
                return
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.2)
    raise SettingsError(f"the registry does not start, see {log}: {log.read_text()[-500:]}")
