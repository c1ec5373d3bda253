"""`journeys replay`: the engine alone over a file, no broker."""

import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click
import msgspec

from models.errors import Reason
from models.records import CurrentJourney, cloudevent, encode
from streams.cli.commands import examples
from streams.cli.options import ENGINE, with_settings
from streams.cli.paths import OUTPUT, input_files, sort_flag, stored_vectors_flag
from streams.cli.progress import reading
from streams.files.entries import by_time, read_entries, read_items
from streams.files.sorting import Direction
from streams.files.tally import Tally
from streams.input import mapping_of
from streams.kafka.partitioning import PARTITIONERS
from streams.settings import Settings

if TYPE_CHECKING:
    from models.engine.outcome import Outcome
    from streams.replay import Step

SHOWN_REJECTS: Final = 10  # lines told one by one; the file named by --rejects has them all


@click.command(
    epilog=examples(
        "journeys replay activities.jsonl.gz > changes.jsonl",
        "journeys replay activities.jsonl --assignments a.jsonl --journeys j.jsonl > changes.jsonl",
        "journeys replay 2023.csv.gz 2024.parquet --sort > changes.jsonl",
        "journeys replay segment-calls.jsonl.gz --input segment > changes.jsonl",
        "tail -f activities.jsonl | journeys replay -",
    )
)
@input_files
@sort_flag
@click.option(
    "--assignments",
    "assignments_to",
    type=OUTPUT,
    help="write to which cluster and journey each activity was put",
)
@click.option("--journeys", "journeys_to", type=OUTPUT, help="write the journeys as they are last")
@click.option("--rejects", "rejects_to", type=OUTPUT, help="write the lines that were rejected")
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="keep time as so many partitions of activity-events would",
)
@stored_vectors_flag
@click.option(
    "--partitioner",
    type=click.Choice(list(PARTITIONERS)),
    default="murmur2",
    show_default=True,
    help="by which producers would choose a user's partition: of Java's client (murmur2), of "
    "librdkafka (crc32), of sarama (fnv1a)",
)
@click.option(
    "--items", metavar="FILE", help="the catalogue: items by `item_id`, for events without a title"
)
@with_settings(
    "input",
    "earliest",
    "encoder",
    "encoder_threads",
    "encoder_batch",
    "cached_vectors",
    "stored_vectors_mb",
    "data_dir",
    *ENGINE,
)
def command(
    settings: Settings,
    files: tuple[str, ...],
    sort: bool,
    assignments_to: Path | None,
    journeys_to: Path | None,
    rejects_to: Path | None,
    partitions: int,
    stored_vectors: bool,
    partitioner: str,
    items: str | None,
) -> None:
    """Run the engine alone over FILEs of activities, one after the other (- is stdin).

    JSON lines or a JSON array, CSV with a header or Parquet, compressed with gzip or zstd or not:
    what it is, its content says. With --input they hold events of yours, of which a mapping makes
    activities. Changes go to stdout, a line each (CloudEvents). A line that is no
    activity is told on stderr and counted, and the run goes on. Ctrl-C ends the input: the files
    are still written.
    """
    # The engine's compiler and the encoder take a second to import: not for --help.
    from models.encoders.cache import VectorCache
    from streams.encoding import encoder_of
    from streams.replay import Replay
    from streams.state import vectors

    find = None if items is None else read_items(items).get
    mapping = mapping_of(settings, titled=find is None)
    encoder = encoder_of(settings)
    kept = vectors.stored_vectors(settings, encoder) if stored_vectors else None
    cache = VectorCache(encoder, settings.cached_vectors, kept)
    params = settings.engine(encoder)
    replay = Replay(params, cache, partitions, PARTITIONERS[partitioner])
    tally = Tally()
    with closing(cache), ExitStack() as stack:
        outputs = [
            stack.enter_context(path.open("wb")) if path else None
            for path in (assignments_to, journeys_to, rejects_to)
        ]
        report = _Report(*outputs, several=len(files) > 1)
        try:
            with reading(files, "replay", shown=not sys.stdout.isatty()) as advance:
                batches = read_entries(files, tally, mapping, settings.earliest_ms, advance, find)
                for batch in by_time(batches) if sort else batches:
                    for step in replay.apply(batch):
                        report.add(step)
                    sys.stdout.buffer.flush()
            report.tell(replay.settle())
        finally:
            report.finish(len(replay.users), replay.unread.activities)
    tally.check()


class _Report:
    """Writes what the steps bring, and tells at the end what that was."""

    def __init__(
        self,
        assignments: IO[bytes] | None,
        journeys: IO[bytes] | None,
        rejects: IO[bytes] | None,
        *,
        several: bool,
    ) -> None:
        self._several = several
        self._direction = Direction()
        self._assignments_to, self._journeys_to, self._rejects_to = assignments, journeys, rejects
        self._assigned: list[tuple[str, str, str | None]] = []
        self._merged: dict[str, str] = {}
        self._journeys: dict[str, CurrentJourney] = {}
        self._applied = self._repeats = self._changes = self._rejected = self._late = (
            self._skipped
        ) = 0
        self._start = time.perf_counter()

    def add(self, step: "Step") -> None:
        """Write the step's changes; keep what can only be told at the end."""
        repeated = any(outcome.repeated for outcome in step.outcomes)
        if step.rejected is not None:
            self._reject(step)
        elif repeated:
            self._repeats += 1
        elif step.activity is not None:
            self._applied += 1
        else:
            self._skipped += 1
        if step.activity is not None:
            self._direction.add(step.activity.occurred_at)
        if self._assignments_to and step.activity is not None and not repeated:
            cluster_id = step.outcomes[0].cluster_id if step.outcomes else None
            self._assigned.append((step.activity.event_id, step.activity.user_id, cluster_id))
        self.tell(step.outcomes)

    def tell(self, outcomes: "Iterable[Outcome]") -> None:
        """Write the changes."""
        for outcome in outcomes:
            self._merged.update(outcome.merged)
            for current in outcome.journeys:
                self._journeys[current.journey.journey_id] = current
            for change in outcome.changes:
                self._changes += 1
                sys.stdout.buffer.write(cloudevent(change) + b"\n")

    def finish(self, users: int, unread: int) -> None:
        """Write the files that need the end, and the summary."""
        sys.stdout.buffer.flush()
        journey_of = {
            current.journey.cluster_id: journey_id for journey_id, current in self._journeys.items()
        }
        for event_id, user_id, cluster_id in self._assigned:
            final = cluster_id
            while final in self._merged:
                final = self._merged[final]
            _write(
                self._assignments_to,
                {
                    "event_id": event_id,
                    "user_id": user_id,
                    "cluster_id": cluster_id,
                    "final_cluster_id": final,
                    "journey_id": journey_of.get(final or ""),
                },
            )
        for current in self._journeys.values():
            _write(self._journeys_to, _flat(current))
        seconds = time.perf_counter() - self._start
        _say(
            f"{self._applied:,} activities of {users:,} users in {seconds:.1f} s: "
            f"{self._changes:,} changes, {len(self._journeys):,} journeys; "
            f"{self._rejected:,} lines rejected"
            + (f", {self._skipped:,} events do not count" if self._skipped else "")
            + (f", {self._repeats:,} repeats skipped" if self._repeats else "")
            + (f", {unread:,} titles not read by the encoder" if unread else "")
        )
        if self._direction.falls and 2 * self._late > self._applied + self._late:
            _say("most activities were too late, and their times fall: newest first? see --sort")

    def _reject(self, step: "Step") -> None:
        assert step.rejected is not None
        self._rejected += 1
        self._late += step.rejected.reason is Reason.TOO_LATE
        where = f"{step.file}: line" if self._several else "line"
        if self._rejected <= SHOWN_REJECTS:
            _say(f"{where} {step.number} rejected: {step.rejected}")
        elif self._rejected == SHOWN_REJECTS + 1:
            _say(
                "more lines rejected"
                if self._rejects_to
                else "more lines rejected; --rejects FILE keeps them all"
            )
        _write(
            self._rejects_to,
            {
                **({"file": step.file} if self._several else {}),
                "line": step.number,
                "reason": step.rejected.reason,
                "detail": step.rejected.detail,
                "value": step.line.decode(errors="backslashreplace"),
            },
        )


def _flat(current: CurrentJourney) -> dict[str, Any]:
    """A journey as it stood last, with what is in its `journey` beside the rest, not below it."""
    whole: dict[str, Any] = msgspec.to_builtins(current)
    journey = whole.pop("journey")
    first = {"journey_id": None, "user_id": None, "cluster_id": None, "name": None, "stage": None}
    return {**first, **journey, **whole}


def _write(file: IO[bytes] | None, line: dict[str, Any]) -> None:
    if file is not None:
        file.write(encode(line) + b"\n")


def _say(text: str) -> None:
    click.echo(f"journeys: {text}", err=True)
