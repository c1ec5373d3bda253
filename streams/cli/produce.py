"""`journeys produce`: a file of activities onto the topic that the worker reads."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import click
import msgspec

from models.errors import JourneysError, LineError, Reason, Rejected
from models.times import read_time
from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.cli.paths import input_files, sort_flag
from streams.cli.progress import reading
from streams.files.entries import Entry, by_time, plain, read_entries
from streams.files.inputs import InputFile, all_batches
from streams.files.sorting import Direction
from streams.files.tally import Tally
from streams.input import mapping_of
from streams.kafka.activities import sender
from streams.settings import Settings
from streams.topics import Topics

REPORTED_LINES: Final = 10  # of those that cannot be sent; a wrong file has a million of them


class _Keyed(msgspec.Struct):
    user_id: str
    occurred_at: Any = None


_decoder = msgspec.json.Decoder(_Keyed)


@click.command(
    epilog=examples(
        "journeys produce activities.jsonl.gz",
        "tail -f activities.jsonl | journeys produce - --broker kafka:9092",
        "journeys produce calls.jsonl --input segment",
        "journeys produce 2023.csv.gz 2024.parquet --sort --rate 500",
    )
)
@input_files
@with_settings(*BROKER, "activities_topic", "input", "earliest")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="NUMBER",
    help="most activities sent per second; default as fast as the broker takes them",
)
@sort_flag
def command(settings: Settings, files: tuple[str, ...], rate: float | None, sort: bool) -> None:
    """Send activities to activity-events, keyed by user.

    FILEs hold JSON lines or a JSON array, CSV with a header or Parquet, compressed with gzip or
    zstd or not (- is standard input). What has no user_id cannot be keyed: it is reported and left
    out. All others are sent as they are; what is wrong with them, the worker says on
    activity-rejects. With --input FILEs hold events of yours: the activities that a mapping makes
    of them are sent, each keyed by its user.
    """
    start = time.monotonic()
    sent = unsent = 0
    tally, direction = Tally(), Direction()
    mapping = mapping_of(settings)
    with sender(settings, mapped=mapping is not None) as send, reading(files, "sending") as advance:
        if sort or mapping is not None:
            batches = read_entries(files, tally, mapping, settings.earliest_ms, advance)
            rows = _checked(by_time(batches) if sort else batches)
        else:
            rows = _as_they_stand(files, tally, advance)
        for row in _paced(rows, rate):
            error = row.error
            try:
                if error is None:
                    send(row.key, row.value)
                    sent += 1
                    direction.add(row.time)
            except LineError as too_large:
                error = too_large
            if error is not None:
                unsent += 1
                if unsent <= REPORTED_LINES:
                    click.echo(f"{row.file}:{row.number}: not sent: {error}", err=True)
    seconds = time.monotonic() - start
    click.echo(
        f"sent {sent:,} activities to {Topics.of(settings).activities} "
        f"in {seconds:.1f} s ({sent / max(seconds, 1e-9):,.0f}/s)"
    )
    if direction.falls:
        click.echo("journeys: times fall from line to line: newest first? see --sort", err=True)
    tally.check()
    if unsent:
        raise JourneysError(f"{unsent:,} of {sent + unsent:,} lines were not sent")


class _Outgoing(NamedTuple):
    """A row as it is sent, or why it is not."""

    file: str
    number: int
    value: bytes
    key: bytes = b""
    time: int = -1
    error: JourneysError | None = None


def _as_they_stand(
    files: Sequence[str], tally: Tally, advance: Callable[[InputFile], None]
) -> Iterator[_Outgoing]:
    for file, batch in all_batches(files):
        if batch is None:
            tally.end(file)
            continue
        for number, row in zip(batch.numbers, batch.rows, strict=True):
            value = b""
            try:
                value = plain(row).strip()
                if not value:
                    continue
                outgoing = _Outgoing(file.name, number, value, *_key_and_time(value))
                tally.use()
            except Rejected as error:
                tally.reject(number, error, value)
                outgoing = _Outgoing(file.name, number, value, error=error)
            yield outgoing
        advance(file)


def _checked(batches: Iterable[Sequence[Entry]]) -> Iterator[_Outgoing]:
    for batch in batches:
        for entry in batch:
            if entry.rejected is not None:
                yield _Outgoing(entry.file, entry.number, entry.line, error=entry.rejected)
            elif entry.activity is not None:
                key, moment = entry.activity.user_id.encode(), entry.activity.occurred_at
                yield _Outgoing(entry.file, entry.number, entry.line.strip(), key, moment)


def _key_and_time(value: bytes) -> tuple[bytes, int]:
    try:
        found = _decoder.decode(value)
    except msgspec.ValidationError as error:
        raise Rejected(Reason.INVALID, str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    if not found.user_id:
        raise Rejected(Reason.INVALID, "user_id is empty")
    try:
        moment = read_time(found.occurred_at)
    except Rejected:
        moment = -1  # the worker says what is wrong
    return found.user_id.encode(), moment


def _paced(rows: Iterable[_Outgoing], rate: float | None) -> Iterator[_Outgoing]:
    start = time.monotonic()
    for number, row in enumerate(rows):
        if rate and (ahead := number / rate - (time.monotonic() - start)) > 0:
            time.sleep(ahead)
        yield row
