"""`journeys map`: what a mapping makes of a sample of events, before anything runs."""

import asyncio
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import JourneysError, Rejected
from models.mapping.file import resolve
from models.mapping.infer import propose
from models.mapping.mapping import Mapping, SourceEvent
from models.mapping.plan import compile_plan
from models.records import rfc3339
from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.cli.paths import OUTPUT
from streams.files.entries import decoded
from streams.files.inputs import all_batches
from streams.formats.values import value_decoder
from streams.input import mapping_of
from streams.settings import Settings

SHOWN_CHARS: Final = 40  # of a title, a text or an id in the table
SKIPPED: Final = "does not count"


@click.command(
    epilog=examples(
        "journeys map --sample calls.jsonl",
        "journeys map --sample calls.jsonl --write mapping.toml",
        "journeys map --sample web.events --input mapping.toml --broker kafka:9092",
    )
)
@click.option(
    "--sample",
    required=True,
    metavar="FILE|TOPIC",
    help="a file of events (- is stdin), or else the full name of a topic",
)
@click.option("--write", "write_to", type=OUTPUT, help="write the proposed mapping to a new file")
@click.option(
    "--events",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="how many events are looked at",
)
@click.option("--oldest", is_flag=True, help="those at the topic's beginning, not at its end")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@with_settings("input", "earliest", *BROKER)
def command(
    settings: Settings, sample: str, write_to: Path | None, events: int, oldest: bool, as_json: bool
) -> None:
    """Show what each event of a sample becomes, or why it becomes nothing.

    Without --input a first mapping is guessed from the sample: with --write it becomes a file to
    go on with.
    """
    found = list(islice(_from_file(sample), events)) if _is_file(sample) else []
    if not _is_file(sample):
        found = _from_topic(settings, sample, events, newest=not oldest)
    if not found:
        raise JourneysError(f"{sample}: there is nothing in it")
    mapping, text = mapping_of(settings), ""
    if mapping is None:
        proposal = propose([event.value for event in found if isinstance(event, SourceEvent)])
        text = proposal.text
        if write_to is not None:
            with write_to.open("x", encoding="utf-8") as file:
                file.write(text)
        if proposal.complete:
            mapping = _compiled(text, settings)
    elif write_to is not None:
        raise click.UsageError("--write is for a mapping that is guessed, without --input")
    outcomes = [_outcome(event, mapping) for event in found] if mapping else []
    if as_json:
        counts = Counter(outcome["outcome"] for outcome in outcomes)
        shown = {"mapping": text or None, "counts": counts, "events": outcomes}
        click.echo(msgspec.json.format(msgspec.json.encode(shown)))
        return
    if text:
        click.echo(f"wrote {write_to}" if write_to else text)
    if mapping is None:
        raise JourneysError("the mapping has to be completed: see its comments")
    _show(outcomes)


def _is_file(sample: str) -> bool:
    return sample == "-" or Path(sample).exists()


def _from_file(name: str) -> Iterator[SourceEvent | Rejected]:
    for _, batch in all_batches([name]):
        for row in batch.rows if batch is not None else ():
            if isinstance(row, bytes) and not row.strip():
                continue
            try:
                yield SourceEvent(decoded(row))
            except Rejected as error:
                yield error


def _from_topic(
    settings: Settings, topic: str, count: int, *, newest: bool
) -> list[SourceEvent | Rejected]:
    from streams.kafka.sample import sample  # the client takes time to import: not for --help

    mapping, events = mapping_of(settings), list[SourceEvent | Rejected]()
    decoder = value_decoder(settings, mapping.format if mapping else "json")
    records = list(sample(settings, topic, count, newest=newest))
    asyncio.run(decoder.prepare(record.value for record in records))
    for record in records:
        headers = {name: value for name, value in record.headers if value is not None}
        try:
            value = decoder.decode(record.value)
            events.append(SourceEvent(value, record.key, headers, topic, record.timestamp))
        except Rejected as error:
            events.append(error)
    return events


def _compiled(text: str, settings: Settings) -> Mapping:
    tables = resolve("the proposal", tomllib.loads(text))
    return Mapping("the proposal", compile_plan("the proposal", tables), settings.earliest_ms)


def _outcome(event: SourceEvent | Rejected, mapping: Mapping) -> dict[str, Any]:
    """What becomes of one event: its outcome in a word or two, the activities or the reason."""
    try:
        if isinstance(event, Rejected):
            raise event
        activities = mapping.activities(event)
    except Rejected as error:
        return {"outcome": error.reason, "detail": error.detail}
    if not activities:
        return {"outcome": SKIPPED}
    return {"outcome": "activity", "activities": activities}


def _show(outcomes: list[dict[str, Any]]) -> None:
    table = Table("event", "outcome", "user", "item", "title")
    table.add_column("text", no_wrap=True)  # a line is enough to see what it is
    for column in ("time", "type", "weight"):
        table.add_column(column)
    for number, outcome in enumerate(outcomes, 1):
        for activity in outcome.get("activities", ()):
            table.add_row(
                str(number),
                Text("activity"),
                *(
                    Text(text[:SHOWN_CHARS])
                    for text in (
                        activity.user_id,
                        activity.item_id,
                        activity.title,
                        activity.text or "",
                    )
                ),
                rfc3339(activity.occurred_at),
                Text(activity.type or ""),
                f"{activity.weight:g}",
            )
        if "activities" not in outcome:
            table.add_row(str(number), Text(outcome["outcome"]), Text(""), Text(""), Text(""))
    console = Console()
    console.print(table)
    for number, outcome in enumerate(outcomes, 1):
        if "detail" in outcome:
            click.echo(f"event {number}: {outcome['outcome']}: {outcome['detail']}")
    counts = Counter(str(outcome["outcome"]) for outcome in outcomes)
    activities = sum(len(outcome.get("activities", ())) for outcome in outcomes)
    said = ", ".join(f"{count:,} {what}" for what, count in counts.most_common())
    click.echo(f"{len(outcomes):,} events: {said}; {activities:,} activities")
