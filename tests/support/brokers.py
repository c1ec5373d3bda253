"""The brokers that the suite runs on: the embedded one, and real Apache Kafka.

Kafka's jars come from Maven Central once and stay under `~/.cache/journeys-tests`.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from kafka import KafkaAdminClient

from models.errors import BrokerError
from streams.demo.broker import EmbeddedBroker, free_port, spawn
from streams.kafka.clients import connect
from streams.settings import Settings

EXTERNAL: Final = "JOURNEYS_TEST_BROKER"  # host:port of a Kafka to test against instead
KAFKA: Final = "4.1.0"
HOME: Final = Path.home() / ".cache" / "journeys-tests"
KAFKA_LIBS: Final = HOME / "kafka" / KAFKA
JAVA: Final = (
    *("java", "-Xmx1g", "-Dorg.apache.logging.log4j.level=WARN"),
    *("-cp", f"{KAFKA_LIBS}/*"),
)
READY_SECONDS: Final = 90.0  # 5 s alone; the machine may be building something else meanwhile

POM: Final = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>tests</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{KAFKA}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
<version>{KAFKA}</version></dependency></dependencies></project>
"""

# One node that is broker and controller. Topics are never made by accident, as in production;
# groups may have short sessions, so that tests of lost workers are quick.
PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


# Of one that forgets transactional ids soon, and what it knows of producers.
FORGETFUL: Final = """\
transactional.id.expiration.ms=8000
transaction.remove.expired.transaction.cleanup.interval.ms=500
producer.id.expiration.ms=8000
producer.id.expiration.check.interval.ms=500
"""


class Kafka:
    """Apache Kafka, while the `with` block runs.

    Args:
        folder: For what it stores, and its log.
        properties: Of the server.
        port: Where it listens without TLS and SASL; it is waited for there.
        format_options: Of the tool that makes the storage.
    """

    def __init__(
        self, folder: Path, properties: str, port: int, format_options: Sequence[str] = ()
    ) -> None:
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._config, self._log = folder / "server.properties", folder / "kafka.log"
        self._config.write_text(properties)
        tool = ["kafka.tools.StorageTool", "format", "-t", str(uuid.uuid4())]
        with self._log.open("wb") as out:
            subprocess.run(
                [*JAVA, *tool, "-c", str(self._config), *format_options],
                check=True,
                stdout=out,
                stderr=out,
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, with what it stored before, and wait until it answers."""
        with self._log.open("ab") as out:
            self._server = spawn([*JAVA, "kafka.Kafka", str(self._config)], out)
        _wait(self._server, self._port, self._log)

    def kill(self) -> None:
        """As a machine that loses power."""
        self._server.kill()
        self._server.wait()

    def freeze(self) -> None:
        """It answers nobody, and nobody is told."""
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._server.send_signal(signal.SIGCONT)


def names(choice: str) -> list[str]:
    """The ids of the brokers to run on, for the value of `--broker`."""
    if os.environ.get(EXTERNAL):
        return ["external"]
    return ["embedded", "kafka"] if choice == "all" else [choice]


@contextmanager
def serve(name: str, folder: Path) -> Iterator[str]:
    """Run the broker of this name; gives its address."""
    if name == "external":
        yield os.environ[EXTERNAL]
    elif name == "embedded":
        with EmbeddedBroker() as broker:
            yield broker.address
    else:
        with plain_kafka(folder) as kafka:
            yield kafka.address


def plain_kafka(folder: Path, more: str = "") -> Kafka:
    """Apache Kafka without TLS and SASL, with some more properties."""
    port = free_port()
    text = PROPERTIES.format(port=port, controller=free_port(), data=folder / "data") + more
    return Kafka(folder, text, port)


def fetch_kafka() -> None:
    """Have Kafka's jars in the cache.

    Raises:
        BrokerError: When Java or Maven is missing, or Maven fails.
    """
    needed = ["java"] if KAFKA_LIBS.is_dir() else ["java", "mvn"]
    missing = [tool for tool in needed if not shutil.which(tool)]
    if missing:
        raise BrokerError(
            f"the tests on real Kafka need {' and '.join(missing)} (on Debian: apt-get install "
            "openjdk-17-jre-headless maven); `pytest --broker embedded` does without"
        )
    if KAFKA_LIBS.is_dir():
        return
    KAFKA_LIBS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KAFKA_LIBS.parent) as work:
        Path(work, "pom.xml").write_text(POM)
        maven = subprocess.run(
            ["mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=libs"],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        if maven.returncode:
            raise BrokerError(f"Maven cannot fetch Kafka {KAFKA}: {maven.stdout.strip()[:500]}")
        # Renamed when complete: a run that was cut short must not leave half of the jars.
        if not KAFKA_LIBS.is_dir():
            Path(work, "libs").rename(KAFKA_LIBS)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    settings = Settings.load(broker=f"127.0.0.1:{port}", broker_timeout=5)
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            with connect(settings, KafkaAdminClient) as client:
                client.list_topics()
            return
        except (OSError, BrokerError):
            time.sleep(0.1)
    raise BrokerError(f"Kafka does not start, see {log}: {log.read_text()[-500:]}")
