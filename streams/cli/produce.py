"""`journeys produce`: a file of activities onto the topic that the worker reads."""

import time
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import chain
from typing import Final

import click
import msgspec

from models.errors import JourneysError, LineError
from streams.cli.commands import examples
from streams.cli.lines import batches, opened
from streams.cli.options import BROKER, with_settings
from streams.cli.progress import reading
from streams.kafka.activities import sender
from streams.settings import Settings
from streams.topics import Topics

REPORTED_LINES: Final = 10  # of those that cannot be sent; a wrong file has a million of them


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
    with sender(settings) as send, opened(file) as stream, reading(file, "sending") as advance:
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
