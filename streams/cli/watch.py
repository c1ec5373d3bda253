"""`journeys watch`: a subscriber that prints journey changes as they come."""

import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console

from models.decoding import decode_change
from models.errors import Rejected
from models.printable import escaped
from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.cli.render import ChangePrinter
from streams.formats.reading import OutputReader
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics


@click.command(
    epilog=examples(
        "journeys watch",
        "journeys watch --from-beginning --user u068",
        "journeys watch --from-beginning --until-idle 5 --json > changes.jsonl",
    )
)
@with_settings(*BROKER)
@click.option("--user", metavar="ID", help="only this user's changes")
@click.option("--json", "as_json", is_flag=True, help="print the CloudEvents, one a line")
@click.option("--from-beginning", is_flag=True, help="print what is there already, too")
@click.option(
    "--until-idle",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="end when nothing came for so long",
)
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="end after N changes")
def command(
    settings: Settings,
    user: str | None,
    as_json: bool,
    from_beginning: bool,
    until_idle: float | None,
    most: int | None,
) -> None:
    """Print journey changes as they come: when, who, what, which journey, why."""
    printer, reader = ChangePrinter(Console()), OutputReader(settings)
    wanted = (
        record
        for record in _records(settings, reader, from_beginning, until_idle)
        if record.value is not None and user in (None, (record.key or b"").decode(errors="replace"))
    )
    for record in islice(wanted, most):
        try:
            change = reader.change(record.value, record.headers)
            if as_json:
                click.echo(escaped(change.decode(errors="replace")))
            else:
                printer.print(decode_change(change))
        except Rejected as error:
            click.echo(f"not a journey change: {error.detail}", err=True)


def _records(
    settings: Settings, reader: OutputReader, from_beginning: bool, until_idle: float | None
) -> Iterator[Any]:
    """The records of `journey-changes`, in each partition's order, for the reader to decode."""
    name = Topics.of(settings).changes
    (partitions,) = admin.partitions_of(settings, name)
    ends = () if from_beginning else admin.end_offsets(settings, {name: partitions})[name]
    with connect(settings, KafkaConsumer, allow_auto_create_topics=False) as client:
        client.assign([TopicPartition(name, number) for number in range(partitions)])
        client.seek_to_beginning()
        for number, end in enumerate(ends):
            client.seek(TopicPartition(name, number), end)
        if sys.stderr.isatty():
            click.echo(f"watching {name} at {settings.broker}, Ctrl-C ends", err=True)
        last = time.monotonic()
        while until_idle is None or time.monotonic() - last < until_idle:
            for records in client.poll(timeout_ms=200).values():
                reader.prepare(record.value for record in records)
                yield from records
                last = time.monotonic()
