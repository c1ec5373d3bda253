"""The input under which faults happen: people's activities, and poison among them."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.records import encode
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support.workers import activities

Sent = tuple[bytes | None, bytes | None]

TICKS: Final = 20  # a second in which activities are sent
FLUSH_SECONDS: Final = 90.0
FAR_AHEAD: Final = 4_070_908_800_000  # 2099, epoch ms

POISON: Final[tuple[Callable[[bytes, dict[str, Any]], Sent], ...]] = (
    lambda key, one: (key, None),
    lambda key, one: (key, b""),
    lambda key, one: (key, b'{"event_id": '),
    lambda key, one: (key, b"\xff\xfe\x00" * 9),
    lambda key, one: (None, encode(one)),
    lambda key, one: (b"somebody else", encode(one)),
    lambda key, one: (key, encode(one | {"title": None})),
    lambda key, one: (key, encode(one | {"occurred_at": "yesterday"})),
    lambda key, one: (key, encode(one | {"occurred_at": FAR_AHEAD})),
    lambda key, one: (key, encode(one | {"occurred_at": 17})),
    lambda key, one: (key, encode(one | {"vector": [1.0, 0.0]})),
    lambda key, one: (key, encode(one)[:-1] + b', "more": "' + b"m" * 200_000 + b'"}'),
)


def records(events: int, poison: float, seed: int) -> Iterator[Sent]:
    """So many activities by user, in order of time, with a share of poison among them."""
    drawn = random.Random(seed)
    sample = len(activities())
    # As many people as it takes to be through with their sixteen months.
    for number, one in enumerate(activities(max(1, round(events / sample)))[:events]):
        key = one["user_id"].encode()
        if drawn.random() < poison:
            yield drawn.choice(POISON)(key, one | {"event_id": f"poison-{number}"})
        yield key, encode(one)


class Load:
    """Sends records at a rate while the block runs, whatever the broker does.

    What is sent twice by the client's own retries is there twice: the ledger reads the log.

    Args:
        settings: Where to.
        sent: What.
        rate: Records a second.

    Attributes:
        count: How many were handed to the client.
        failed: How many it gave up.
    """

    def __init__(self, settings: Settings, sent: Iterator[Sent], rate: float) -> None:
        self.count = self.failed = 0
        self._settings = settings
        self._sent = sent
        self._rate = rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def is_through(self) -> bool:
        """Whether all was handed on."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        topic = Topics.of(self._settings).activities
        began = time.monotonic()
        with connect(
            self._settings, KafkaProducer, linger_ms=20, max_block_ms=FLUSH_SECONDS * 1000
        ) as client:
            for key, value in self._sent:
                while self.count > self._rate * (time.monotonic() - began):
                    if self._over.wait(1 / TICKS):
                        break
                if self._over.is_set():
                    break
                try:
                    client.send(topic, value, key).add_errback(self._give_up)
                except KafkaError:
                    self.failed += 1
                self.count += 1
            with suppress(KafkaError):
                client.flush(timeout=FLUSH_SECONDS)

    def _give_up(self, _: BaseException) -> None:
        self.failed += 1
