"""What every test may use: a broker that runs, settings of its own, a clean environment.

`pytest --broker embedded|kafka|all` chooses the brokers; `JOURNEYS_TEST_BROKER=host:port` points
the suite at any other Kafka.
"""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import BrokerError
from streams.settings import PREFIX, Settings
from tests import brokers

# A suite that a shell started in the background ignores Ctrl-C, and so would every command that a
# test is to interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--broker", choices=("all", "embedded", "kafka"), default="all",
                     help="run the tests marked `broker` on the embedded broker, on real Kafka, "
                          "or on both (default)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        names = brokers.names(metafunc.config.getoption("--broker"))
        metafunc.parametrize("broker", names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker("broker")


def pytest_collection_finish(session: pytest.Session) -> None:
    # Before the first test, so that what is missing is one line and fetching has no test's timeout.
    if session.config.option.collectonly:
        return
    if any(item.callspec.params.get("broker") == "kafka"
           for item in session.items if hasattr(item, "callspec")):
        try:
            brokers.fetch_kafka()
        except BrokerError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests must not change what they see."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that runs; a test that asks for it runs once on each kind."""
    with brokers.serve(request.param, tmp_path_factory.mktemp(request.param)) as address:
        yield address


@pytest.fixture
def settings(broker: str, tmp_path: Path) -> Settings:
    """Settings with topics and a group that no other test has; no topic is made yet."""
    name = f"t{uuid.uuid4().hex[:12]}"
    return Settings.load(broker=broker, topic_prefix=f"{name}-", group=name, store="memory",
                         data_dir=tmp_path / "state", web_port=0)
