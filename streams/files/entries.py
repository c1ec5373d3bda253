"""Rows as activities: what becomes of each, and where it stands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from models.decoding import decode_json, parse_activity
from models.errors import JourneysError, Reason, Rejected
from models.mapping.catalogue import CatalogueItem, Find, completed, item_of
from models.mapping.mapping import Mapping, SourceEvent
from models.mapping.values import text
from models.records import Activity, encode
from models.times import EARLIEST_MS
from streams.files.inputs import InputFile, all_batches
from streams.files.plain import plain_line
from streams.files.rows import TABLE_ROWS, Batch, Row
from streams.files.sorting import TimeSorter
from streams.files.tally import Tally

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, int, bytes])


@dataclass(slots=True)
class Entry:
    """One activity of a file, or one row that is none.

    Attributes:
        file: Its name.
        number: Of the row in it.
        line: The activity as JSON; a row that cannot be used as it stands, as far as it is text.
        activity: None when there is none.
        rejected: Why there is none; None where the row is an event that does not count.
        source: The event that a mapping read, as JSON; empty without a mapping.
    """

    file: str
    number: int
    line: bytes
    activity: Activity | None = None
    rejected: Rejected | None = None
    source: bytes = b""


def read_entries(
    names: Iterable[str],
    tally: Tally,
    mapping: Mapping | None = None,
    earliest_ms: int = EARLIEST_MS,
    after_batch: Callable[[InputFile], None] = lambda _: None,
    find: Find | None = None,
) -> Iterator[list[Entry]]:
    """The activities of files in order, in batches of what is there now.

    Args:
        names: Of the files; `-` is standard input.
        tally: Is told what could be used.
        mapping: How rows become activities; None when they are plain activities as they stand.
        earliest_ms: No plain activity can be older, epoch ms; a mapping has its own bound.
        after_batch: Called when a batch was dealt with.
        find: The catalogue, for activities without a title; None: all have one.

    Raises:
        JourneysError: A file is broken, or of no kind that is read.
    """
    for file, batch in all_batches(names):
        if batch is None:
            tally.end(file)
            continue
        found = entries(batch, mapping, earliest_ms, find)
        for entry in found:
            if entry.rejected is not None:
                tally.reject(entry.number, entry.rejected, entry.line)
            elif entry.activity is not None:
                tally.use()
            else:
                tally.skip()
        yield found
        after_batch(file)


def entries(
    batch: Batch,
    mapping: Mapping | None = None,
    earliest_ms: int = EARLIEST_MS,
    find: Find | None = None,
) -> list[Entry]:
    """The activities of a batch in order; blank lines are left out."""
    found: list[Entry] = []
    for number, row in zip(batch.numbers, batch.rows, strict=True):
        line = row if isinstance(row, bytes) else b""
        if isinstance(row, bytes) and not row.strip():
            continue
        try:
            if mapping is None:
                line = plain(row)
                activity = parse_activity(line, earliest_ms, titled=find is None)
                if find is not None:
                    (activity,) = completed([activity], find)
                    line = encode(activity)
                found.append(Entry(batch.file, number, line, activity))
                continue
            if not isinstance(row, bytes | Rejected):
                line = encode(row)
            activities = mapping.activities(SourceEvent(decoded(row)))
            if find is not None:
                activities = completed(activities, find)
            for activity in activities:
                found.append(Entry(batch.file, number, encode(activity), activity, None, line))
            if not activities:
                found.append(Entry(batch.file, number, line))
        except Rejected as error:
            found.append(Entry(batch.file, number, line, rejected=error))
    return found


def read_items(name: str) -> dict[str, CatalogueItem]:
    """The catalogue from a file: rows with `item_id` and what else an item has; the last one wins.

    Raises:
        JourneysError: The file is broken, or a row of it is no item.
    """
    found: dict[str, CatalogueItem] = {}
    for _, batch in all_batches([name]):
        for number, row in zip(batch.numbers, batch.rows, strict=True) if batch else ():
            if isinstance(row, bytes) and not row.strip():
                continue
            try:
                value = decoded(row)
                item_id = text("item_id", value.get("item_id") if isinstance(value, dict) else None)
                if not item_id:
                    raise Rejected(Reason.MISSING, "item_id: nothing there")
                found[item_id] = item_of(item_id, value)
            except Rejected as error:
                raise JourneysError(f"{name}, line {number}: no item: {error}") from None
    return found


def decoded(row: Row) -> Any:
    """A row as the value that a mapping reads.

    Raises:
        Rejected: It is no row.
    """
    if isinstance(row, Rejected):
        raise row
    return decode_json(row) if isinstance(row, bytes) else row


def plain(row: Row) -> bytes:
    """A row that is to be a plain activity, as JSON.

    Raises:
        Rejected: It is no row.
    """
    if isinstance(row, bytes):
        return row
    if isinstance(row, Rejected):
        raise row
    return plain_line(row)


def by_time(batches: Iterable[Sequence[Entry]]) -> Iterator[list[Entry]]:
    """The same by event time, what is of one time as it came; what is no activity comes first."""
    sorter = TimeSorter()
    try:
        for batch in batches:
            if others := [entry for entry in batch if entry.activity is None]:
                yield others
            for entry in batch:
                if entry.activity is not None:
                    item = _encoder.encode((entry.file, entry.number, entry.line))
                    sorter.add(entry.activity.occurred_at, item)
        found = (_decoder.decode(item) for _, item in sorter.items())
        while part := list(islice(found, TABLE_ROWS)):
            # How old they may be was looked at when they were read.
            yield [Entry(*one, parse_activity(one[2], earliest_ms=0)) for one in part]
    finally:
        sorter.close()
