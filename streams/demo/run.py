"""The demo's run: a broker, a worker and a namer, and the sample sent through them."""

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from models.errors import JourneysError
from models.records import encode
from streams.demo.broker import EmbeddedBroker, free_port
from streams.demo.children import Child
from streams.demo.sample.generator import Sample
from streams.kafka import admin
from streams.kafka.activities import sender
from streams.ledger.arrived import Arrived
from streams.settings import Settings
from streams.settings.services import MONITOR_PORT

POLLED_EVERY: Final = 50  # activities sent between two looks at what came
POLL_SECONDS: Final = 0.2
STALL_SECONDS: Final = 60.0  # a cold start with its group join takes ten
NAMING_SECONDS: Final = 30.0  # without any answer; one answer takes a few seconds on a CPU


@contextmanager
def started(settings: Settings, *, watched: bool) -> Iterator[tuple[Settings, list[Child]]]:
    """Start all that is needed; it is stopped, and gone, when the block ends.

    Args:
        settings: What of them is about broker, state and endpoints is set anew.
        watched: With a monitor, too.

    Yields:
        The settings with the broker's address; worker, namer and monitor, which are not waited for.

    Raises:
        BrokerError: The broker does not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="journeys-demo-")))
        settings = settings.model_copy(
            update={
                "broker": stack.enter_context(EmbeddedBroker()).address,
                "topic_prefix": "",
                "replication": 1,
                "standby_replicas": 0,
                "store": "memory",
                "data_dir": folder,
                "web_host": "127.0.0.1",
            }
        )
        admin.create(settings)
        services: list[tuple[str, dict[str, Any]]] = [("worker", {}), ("namer", {})]
        if watched:  # what it keeps goes with the folder
            services.append(("monitor", {"web_port": free_port(MONITOR_PORT), "store": "rocksdb"}))
        children = [
            stack.enter_context(
                Child(name, settings.model_copy(update={"web_port": free_port()} | own), folder)
            )
            for name, own in services
        ]
        yield settings, children


class Run:
    """The sample's way through a worker and a namer.

    Args:
        settings: Of worker and namer.
        sample: What is sent.
        arrived: What came, beside what must come.
        children: Worker and namer, in this order, and others.

    Attributes:
        sent: How many activities of the sample were sent.

    Raises:
        JourneysError: A child ended, or nothing has come for too long (from all methods).
        BrokerError: The broker fails (from all methods).
    """

    def __init__(
        self, settings: Settings, sample: Sample, arrived: Arrived, children: Sequence[Child]
    ) -> None:
        self.sent = 0
        self._settings = settings
        self._sample = sample
        self._arrived = arrived
        self._children = children
        self._progress: tuple[int, ...] = ()
        self._progress_at = time.monotonic()

    def through(self, rate: float | None) -> Generator[list[bytes]]:
        """Send the sample and wait for all that it brings.

        Args:
            rate: Most activities a second, once the worker is ready for them; None: as fast as they
                go, ready or not.

        Yields:
            Changes as they come, as on the wire; often none.
        """
        if rate is not None:
            while not self._children[0].is_ready():
                yield self._poll(POLL_SECONDS)
                self._check_silence("the worker is not ready")
        yield from self._send(rate)
        while missing := len(self._arrived.missing):
            yield self._poll(POLL_SECONDS)
            self._check_silence(f"{missing} changes have not come")
        while not self._arrived.names_are_in and self._silence() <= NAMING_SECONDS:
            yield self._poll(POLL_SECONDS)
        yield self._arrived.drain()

    def on(self) -> Generator[list[bytes]]:
        """Go on without end, with what others send; yields as `through` does."""
        while True:
            yield self._poll(POLL_SECONDS)

    def _send(self, rate: float | None) -> Generator[list[bytes]]:
        start = time.monotonic()
        with sender(self._settings) as send:
            for activity in self._sample.activities:
                send(activity["user_id"].encode(), encode(activity))
                self.sent += 1
                if self.sent % POLLED_EVERY == 0:
                    ahead = self.sent / rate - (time.monotonic() - start) if rate else 0.0
                    yield self._poll(max(ahead, 0.0))

    def _poll(self, seconds: float) -> list[bytes]:
        changes = self._arrived.poll(seconds)
        for child in self._children:
            child.check()
        if self._arrived.progress != self._progress:
            self._progress, self._progress_at = self._arrived.progress, time.monotonic()
        return changes

    def _silence(self) -> float:
        return time.monotonic() - self._progress_at

    def _check_silence(self, what: str) -> None:
        if self._silence() > STALL_SECONDS:
            logs = "; ".join(f"{child.name}: {child.last_line()}" for child in self._children)
            raise JourneysError(
                f"{what}, and nothing has happened for {STALL_SECONDS:.0f} s ({logs})"
            )
