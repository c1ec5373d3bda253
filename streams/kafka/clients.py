"""The kafka-python clients of `admin` and the commands: made here, so that a failure is one line.

What the services read and write goes through the clients that Faust and `producers` make.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from models.errors import BrokerError
from streams.kafka.preflight import check, check_once, refusal
from streams.kafka.security import Security
from streams.settings import Settings

Client = TypeVar("Client")


@contextmanager
def connect(settings: Settings, kind: Callable[..., Client], **options: Any) -> Iterator[Client]:
    """A client that has met its broker; at the end it is closed, a producer's records delivered.

    Args:
        settings: Where the broker is and how long to wait for it.
        kind: `KafkaAdminClient`, `KafkaConsumer` or `KafkaProducer`.
        options: Further options of that client.

    Raises:
        BrokerError: When no broker answers within `broker_timeout`, or it does not let us in, or
            it fails later.
        SettingsError: The settings of TLS and SASL are wrong.
    """
    security = Security.of(settings)
    if security.protocol != "PLAINTEXT":
        check_once(settings)
    if kind is KafkaConsumer:  # what a producer took back never was
        options = {"isolation_level": "read_committed", **options}
    try:
        client: Any = kind(
            bootstrap_servers=settings.broker.split(","),
            bootstrap_timeout_ms=int(settings.broker_timeout * 1000),
            **security.kafka_python(),
            **options,
        )
    except KafkaError:
        check(settings)
        raise BrokerError(
            f"no broker answers at {settings.broker} within {settings.broker_timeout:g} s"
        ) from None
    bounded = kind is KafkaProducer  # it would wait for ever for what a lost broker never confirms
    try:
        yield client
        client.close(**({"timeout": settings.broker_timeout} if bounded else {}))
    except KafkaError as error:
        if missing := refusal(error):
            raise BrokerError(
                f"the broker at {settings.broker} gives {security.principal} {missing}"
            ) from None
        raise BrokerError(f"the broker at {settings.broker} failed: {error}") from error
    finally:
        with suppress(KafkaError):
            client.close(**({"timeout": 0} if bounded else {}))
