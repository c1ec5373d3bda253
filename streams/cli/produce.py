"""`journeys produce`: a file of activities onto the topic that the worker reads."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Final

import click
import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.errors import JourneysError, LineError
from streams.cli import examples
from streams.cli.common import BROKER, with_settings
from streams.cli.lines import batches, opened
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics

MAX_IN_FLIGHT: Final = 5_000  # records on their way to the broker: 1 MB of ordinary activities
REPORTED_LINES: Final = 10  # of those that cannot be sent; a wrong file has a million of them
_LINGER_MS: Final = 20  # time for a batch to fill; a person does not notice it


class _Keyed(msgspec.Struct):
    user_id: str


_decoder = msgspec.json.Decoder(_Keyed)


@click.command(
    epilog=examples(
        "journeys produce activities.jsonl.gz",
        "tail -f activities.jsonl | journeys produce - --broker kafka:9092",
        "journeys produce activities.jsonl --rate 500",
    )
)
@click.argument("file", type=click.File("rb"))
@with_settings(*BROKER)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="most activities sent per second; default as fast as the broker takes them",
)
def command(settings: Settings, file: BufferedReader, rate: float | None) -> None:
    """Send activities to activity-events, keyed by user.

    FILE holds one JSON object a line (gzipped or not; - is standard input). Lines without a
    user_id cannot be keyed: they are reported and left out. All others are sent as they are; what
    is wrong with them, the worker says on activity-rejects.
    """
    start = time.monotonic()
    sent = unusable = 0
    with sender(settings) as send, opened(file) as stream, _progress(file) as advance:
        lines = chain.from_iterable(batches(stream))
        for number, line in enumerate(_paced(lines, rate), 1):
            advance()
            value = line.strip()
            if not value:
                continue
            try:
                send(_key(value), value)
                sent += 1
            except LineError as error:
                unusable += 1
                if unusable <= REPORTED_LINES:
                    click.echo(f"{file.name}:{number}: not sent: {error}", err=True)
    seconds = time.monotonic() - start
    click.echo(
        f"sent {sent:,} activities to {Topics.of(settings).activities} "
        f"in {seconds:.1f} s ({sent / max(seconds, 1e-9):,.0f}/s)"
    )
    if unusable:
        raise JourneysError(f"{unusable:,} of {sent + unusable:,} lines were not sent")


@contextmanager
def sender(settings: Settings) -> Iterator[Callable[[bytes, bytes], None]]:
    """Gives `send(key, value)` to activity-events; all is acknowledged when the block ends.

    `send` blocks while `MAX_IN_FLIGHT` records are unacknowledged.

    Raises:
        BrokerError: When the broker does not take the records within `broker_timeout`; also from
            `send`.
        SettingsError: When the topic does not exist.
    """
    topic = Topics.of(settings).activities
    admin.partitions_of(settings, topic)
    timeout_ms = int(settings.broker_timeout * 1000)
    patience = 2 * settings.broker_timeout  # the client's own timeout has ended before, as a rule
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
                future = producer.send(topic, key=key, value=value)
            except MessageSizeTooLargeError:
                slots.release()
                raise LineError(f"{len(value):,} bytes are more than a broker takes") from None
            future.add_callback(acknowledged).add_errback(failed)

        yield send
        producer.flush(timeout=patience)
        if failures:
            raise failures[0]


def _key(value: bytes) -> bytes:
    try:
        user_id = _decoder.decode(value).user_id
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise LineError(str(error)) from None
    if not user_id:
        raise LineError("user_id is empty")
    return user_id.encode()


def _paced(lines: Iterable[bytes], rate: float | None) -> Iterator[bytes]:
    start = time.monotonic()
    for number, line in enumerate(lines):
        if rate and (ahead := number / rate - (time.monotonic() - start)) > 0:
            time.sleep(ahead)
        yield line


@contextmanager
def _progress(file: BufferedReader) -> Iterator[Callable[[], None]]:
    """A bar over the file's bytes, or a spinner for a pipe; only where somebody sees it."""
    path = Path(file.name)
    total = path.stat().st_size if path.is_file() else None
    columns = (SpinnerColumn(), TextColumn("sending"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.update(task, completed=file.tell()) if total else None
