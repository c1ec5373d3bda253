"""`journeys watch`: a subscriber that prints journey changes as they come."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Final, get_args

import click
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console

from models.decoding import ChangeEvent, decode_change
from models.errors import Rejected
from models.known import KnownJourneys
from models.printable import escaped
from models.records import Kind, with_name
from models.selection import Seen, Selection, Selector
from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.cli.render import ChangePrinter
from streams.formats.reading import OutputReader
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.reading import ends_of, records_until
from streams.settings import Settings
from streams.topics import Topics

_BATCH: Final = 1_000  # records decoded at once


@click.command(
    epilog=examples(
        "journeys watch",
        "journeys watch --from-beginning --user u068",
        "journeys watch --kind started --kind named --confidence 0.8 --per-day 3",
        "journeys watch --from-beginning --until-idle 5 --json > changes.jsonl",
    )
)
@with_settings(*BROKER)
@click.option("--user", metavar="ID", help="only this user's changes")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(get_args(Kind)),
    multiple=True,
    help="only this kind; may be repeated",
)
@click.option(
    "--name",
    "names",
    metavar="PATTERN",
    multiple=True,
    help="only journeys of a name like this, * for anything; may be repeated",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="NUMBER",
    help="only journeys that are at least so sure",
)
@click.option(
    "--per-day",
    type=click.IntRange(min=1),
    metavar="N",
    help="of a user and a day (of UTC, as published) the first N",
)
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
    kinds: tuple[str, ...],
    names: tuple[str, ...],
    confidence: float,
    per_day: int | None,
    as_json: bool,
    from_beginning: bool,
    until_idle: float | None,
    most: int | None,
) -> None:
    """Print journey changes as they come: when, who, what, which journey, why.

    Each has a name: the one that its journey goes by, or from the beginning the one that it had
    then. In the CloudEvents that --json prints it is the attribute `journeyname`.
    """
    journeys, reader = KnownJourneys(), OutputReader(settings)
    printer = ChangePrinter(Console(), journeys)
    selector = Selector(
        Selection(kinds=frozenset(kinds), names=names, confidence=confidence, per_day=per_day)
    )

    def wanted() -> Iterator[tuple[bytes, ChangeEvent, str]]:
        for record in _records(settings, reader, journeys, from_beginning, until_idle):
            owner = (record.key or b"").decode(errors="replace")
            if record.value is None or user not in (None, owner):
                continue
            try:
                event = reader.change(record.value, record.headers)
                change = decode_change(event)
            except Rejected as error:
                click.echo(f"not a journey change: {error.detail}", err=True)
                continue
            known = journeys.told(change)
            if selector.wants(
                Seen.of(change, known, record.timestamp, record.partition, record.offset)
            ):
                yield event, change, known.name

    for event, change, name in islice(wanted(), most):
        if as_json:
            click.echo(escaped(with_name(event, name).decode(errors="replace")))
        else:
            printer.print(change)


def _records(
    settings: Settings,
    reader: OutputReader,
    journeys: KnownJourneys,
    from_beginning: bool,
    until_idle: float | None,
) -> Iterator[Any]:
    """The records of `journey-changes`, in each partition's order, for the reader to decode."""
    name = Topics.of(settings).changes
    (partitions,) = admin.partitions_of(settings, name)
    ends = () if from_beginning else admin.end_offsets(settings, {name: partitions})[name]
    if not from_beginning:  # what was named before; what comes is told by the changes
        _read_names(settings, reader, journeys)
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


def _read_names(settings: Settings, reader: OutputReader, journeys: KnownJourneys) -> None:
    name = Topics.of(settings).journeys
    records = records_until(settings, name, ends_of(settings, name))
    while some := list(islice(records, _BATCH)):
        reader.prepare(record.value for record in some)
        for record in some:
            if record.value is not None:
                with suppress(Rejected):
                    journeys.stands(reader.journey(record.value))
