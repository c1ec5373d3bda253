"""Activities onto the topic that the worker reads, by whoever is no worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from models.errors import LineError
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import ACTIVITY_HEADER, Topics

MAX_IN_FLIGHT: Final = 5_000  # records on their way to the broker: 1 MB of ordinary activities
_LINGER_MS: Final = 20  # time for a batch to fill; a person does not notice it


@contextmanager
def sender(settings: Settings, *, mapped: bool = False) -> Iterator[Callable[[bytes, bytes], None]]:
    """Gives `send(key, value)` to activity-events; all is acknowledged when the block ends.

    `send` blocks while `MAX_IN_FLIGHT` records are unacknowledged.

    Args:
        settings: Where to.
        mapped: A mapping has been applied: no worker is to apply it again.

    Raises:
        BrokerError: When the broker does not take the records within `broker_timeout`; also from
            `send`.
        SettingsError: When the topic does not exist.
        LineError: From `send`, when a record is larger than a broker takes.
    """
    topic = Topics.of(settings).activities
    admin.partitions_of(settings, topic)
    timeout_ms = int(settings.broker_timeout * 1000)
    patience = 2 * settings.broker_timeout  # the client's own timeout has ended before, as a rule
    headers = [ACTIVITY_HEADER] if mapped else []
    slots = threading.BoundedSemaphore(MAX_IN_FLIGHT)
    failures: list[BaseException] = []

    def acknowledged(_: object) -> None:
        slots.release()

    def failed(error: BaseException) -> None:
        failures.append(error)
        slots.release()

    with connect(
        settings,
        KafkaProducer,
        acks="all",
        enable_idempotence=True,
        linger_ms=_LINGER_MS,
        batch_size=131_072,
        allow_auto_create_topics=False,
        request_timeout_ms=timeout_ms,
        max_block_ms=timeout_ms,
        delivery_timeout_ms=timeout_ms + _LINGER_MS,
    ) as producer:

        def send(key: bytes, value: bytes) -> None:
            free = slots.acquire(timeout=patience)
            if failures:
                raise failures[0]
            if not free:
                raise KafkaTimeoutError("it confirms nothing")
            try:
                future = producer.send(topic, key=key, value=value, headers=headers)
            except MessageSizeTooLargeError:
                slots.release()
                raise LineError(f"{len(value):,} bytes are more than a broker takes") from None
            future.add_callback(acknowledged).add_errback(failed)

        yield send
        producer.flush(timeout=patience)
        if failures:
            raise failures[0]
