"""What every test may use: a broker that runs, settings of its own, a clean environment.

`pytest --broker embedded|kafka|all` chooses the brokers; `JOURNEYS_TEST_BROKER=host:port` points
the suite at any other Kafka. `pytest --vllm stub|real|all` chooses the servers that name.
"""

import fcntl
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import authlib.deprecate  # noqa: F401  first, or it lifts the filters of warnings for good
import pytest

from models.errors import BrokerError, SettingsError
from streams.settings import Settings
from streams.settings.sources import PREFIX
from tests.support import brokers, processes, secured, servers
from tests.support import registry as registries
from tests.support.vllm_stub import Stub, stub_server

# A suite that a shell started in the background ignores Ctrl-C, and so would every command that a
# test is to interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


REAL = {"real_vllm", "with_packages"}  # fixtures that need the real vLLM server installed
OWN_KAFKAS = {"secured_kafka", "forgetful_kafka"}  # fixtures that run a Kafka of their own
LONG = ("vllm", "kafka", "faults", *sorted(OWN_KAFKAS), "registry")  # groups that take minutes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--broker",
        choices=("all", "embedded", "kafka"),
        default="all",
        help="run the tests marked `broker` on the embedded broker, on real Kafka, "
        "or on both (default)",
    )
    parser.addoption(
        "--vllm",
        choices=("all", "stub", "real"),
        default="all",
        help="run the tests marked `vllm` on a stub, on a real vLLM server with a "
        "small model (4 GB to download, once), or on both (default)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        names = brokers.names(metafunc.config.getoption("--broker"))
        metafunc.parametrize("broker", names, indirect=True, scope="session")
    if "vllm" in metafunc.fixturenames:
        metafunc.parametrize("vllm", servers.names(metafunc.config.getoption("--vllm")))


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in its own
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        names = getattr(item, "fixturenames", ())
        if {"broker", *OWN_KAFKAS} & set(names):
            item.add_marker("broker")
        if OWN_KAFKAS & set(names) and not _runs_kafka(config):
            item.add_marker(pytest.mark.skip("only Kafka has what it is about"))
        if {"vllm", *REAL} & set(names):
            item.add_marker("vllm")
        if REAL & set(names) and config.getoption("--vllm") == "stub":
            item.add_marker(pytest.mark.skip("needs a real vLLM server, and --vllm stub has none"))
        if "registry" in names and config.getoption("--broker") == "embedded":
            reason = "needs a real schema registry, and --broker embedded does without Java"
            item.add_marker(pytest.mark.skip(reason))
        if _is_real(item):
            # The first of them waits until the server is up, and names take seconds.
            item.add_marker(pytest.mark.timeout(servers.READY_SECONDS + 300))
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_turn)


def _runs_kafka(config: pytest.Config) -> bool:
    return "kafka" in brokers.names(config.getoption("--broker"))


def _is_real(item: pytest.Item) -> bool:
    """Whether a test runs on the real vLLM server."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return not item.get_closest_marker("skip") and (
        parameters.get("vllm") == "real" or bool(REAL & set(getattr(item, "fixturenames", ())))
    )


def _group(item: pytest.Item) -> str:
    """Those who run in one process when tests run side by side: each server is started once."""
    names = set(getattr(item, "fixturenames", ()))
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if _is_real(item):
        return "vllm"
    if parameters.get("broker") == "kafka":
        return "kafka"
    for server in (*sorted(OWN_KAFKAS), "registry"):
        if server in names:
            return server
    folder = item.path.parent.name
    return folder if folder == "faults" else item.path.stem


def _turn(item: pytest.Item) -> int:
    """The long groups begin first; what a group has of its own order stays."""
    return LONG.index(group) if (group := _group(item)) in LONG else len(LONG)


def _needs_kafka(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return _runs_kafka(item.config) and (
        bool(OWN_KAFKAS & set(getattr(item, "fixturenames", ())))
        or parameters.get("broker") == "kafka"
    )


def _needs_registry(item: pytest.Item) -> bool:
    return "registry" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("skip")


FETCHED = {
    brokers.fetch_kafka: _needs_kafka,
    registries.fetch: _needs_registry,
    servers.install: _is_real,
}


def pytest_collection_finish(session: pytest.Session) -> None:
    # Before the first test, so that what is missing is one line and fetching has no test's timeout.
    if session.config.option.collectonly:
        return
    needed = [fetch for fetch, needs in FETCHED.items() if any(map(needs, session.items))]
    if not needed:
        return
    brokers.HOME.mkdir(parents=True, exist_ok=True)
    try:
        with (brokers.HOME / "lock").open("w") as lock:  # tests may run in several processes
            fcntl.flock(lock, fcntl.LOCK_EX)
            for fetch in needed:
                fetch()
    except (BrokerError, SettingsError) as error:
        if hasattr(session.config, "workerinput"):  # one of several: whoever started us says it
            session.shouldstop = str(error)
        else:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    return True if session.shouldstop else None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests must not change what they see."""
    for name in list(os.environ):
        if name.startswith((PREFIX, "OTEL_")):
            monkeypatch.delenv(name)
    # Hundreds of times quicker than `best`; a test that wants another says so.
    monkeypatch.setenv(f"{PREFIX}ENCODER", "fast")


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    with processes.all_ended():
        yield


@pytest.fixture(scope="session")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a broker that runs; a test that asks for it runs once on each kind."""
    with brokers.serve(request.param, tmp_path_factory.mktemp(request.param)) as address:
        yield address


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secured.SecuredKafka]:
    """A Kafka with TLS, SASL and ACLs that runs."""
    with secured.serve(tmp_path_factory.mktemp("secured")) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def forgetful_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that forgets ids of producers within seconds."""
    folder = tmp_path_factory.mktemp("forgetful")
    with brokers.plain_kafka(folder, brokers.FORGETFUL) as kafka:
        yield kafka.address


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The url of a real schema registry that runs."""
    with registries.serve(tmp_path_factory.mktemp("registry")) as url:
        yield url


@pytest.fixture(scope="session")
def real_vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.RealServer]:
    """A real vLLM server that runs, with an adapter; and a soft prompt that belongs to its model.

    Whoever kills it starts it again.
    """
    server = servers.RealServer(tmp_path_factory.mktemp("vllm"))
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    """A stub of a vLLM server that runs."""
    async with stub_server() as stub:
        yield stub


@pytest.fixture
def with_packages() -> dict[str, str]:
    """An environment in which Python finds what the extra `tune` installs: the server's."""
    return servers.with_packages()


@pytest.fixture
def settings(broker: str, tmp_path: Path) -> Settings:
    """Settings with topics and a group that no other test has; no topic is made yet."""
    name = f"t{uuid.uuid4().hex[:12]}"
    return Settings.load(
        broker=broker,
        topic_prefix=f"{name}-",
        group=name,
        store="memory",
        data_dir=tmp_path / "state",
        web_port=0,
    )
