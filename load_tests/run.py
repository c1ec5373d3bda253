"""The comparison: four systems, one broker, one log, vectors warm.

`python -m load_tests.run [--workload laptop] [--broker embedded|kafka|HOST:PORT] [--json FILE]`

Each system runs in a process of its own, one after the other, in an order that turns with every
repetition, so that a machine that gets slower or faster is nobody's gain. It ends by itself.
"""

import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from load_tests import produce, quixstreams_install, report, workload
from load_tests.job import Job, warm_cache
from load_tests.measure import Run, measure
from load_tests.systems import NAMES
from models.encoders.encoder import Encoder
from models.errors import JourneysError
from streams.replay import Replay
from streams.settings import Settings
from streams.topics import Topics
from tests.support import brokers

BUDGET_SECONDS = 450.0  # no repetition is begun that would end later
RUN_SECONDS = 150.0  # a system that takes longer has failed
LEDGER_LINES = 2_000


class Bench:
    """One broker with the log on it, and all that the systems need in files.

    Args:
        load: The workload.
        broker: Its address.
        folder: For the files.
        progress: Tells how far it is.

    Attributes:
        settings: Of whoever works on its topics.
    """

    def __init__(
        self, load: workload.Workload, broker: str, folder: Path, progress: Progress
    ) -> None:
        self._load = load
        self._broker = broker
        self._folder = folder
        self._progress = progress
        self._prefix = f"load-{uuid.uuid4().hex[:8]}-"
        self.settings = Settings.load(
            broker=broker, topic_prefix=self._prefix, partitions=load.partitions, web_port=0
        )

    def prepare(self) -> Counter[str]:
        """Make the log and its topics; gives the ids of the changes that it must bring."""
        with self._task("log") as advance:
            events = workload.generate(self._load)
            produce.write(events, self._folder, Encoder.open("default"), advance)
            produce.produce(events, self.settings)
        ids: Counter[str] = Counter()
        replay = Replay(self.settings.engine(), warm_cache(self._folder), self._load.partitions)
        with self._task("ledger") as advance:
            for start in range(0, len(events), LEDGER_LINES):
                lines = [event.value for event in events[start : start + LEDGER_LINES]]
                for step in replay.run([lines]):
                    if step.rejected is not None:
                        raise JourneysError(f"the log is wrong: {step.rejected}")
                    ids.update(change.id for outcome in step.outcomes for change in outcome.changes)
                advance(start + len(lines), len(events))
        return ids

    def repeat(self, number: int) -> dict[str, Run]:
        """Run each system once, beginning with another one each time."""
        order = list(NAMES)
        turn = number % len(order)
        runs = {}
        for system in order[turn:] + order[:turn]:
            runs[system] = self.run(
                system, f"{system}-{number}", f"{number + 1}/{self._load.repetitions} {system}"
            )
        return runs

    def run(self, system: str, group: str, title: str) -> Run:
        """Run one system once, in a group that is new."""
        with self._task(title) as advance, tempfile.TemporaryDirectory(dir=self._folder) as state:
            job = self._job(system, group, state)
            return measure(job, RUN_SECONDS, lambda done: advance(done, job.events))

    def _job(self, system: str, group: str, state: str) -> Job:
        load, names = self._load, Topics.of(self.settings)
        return Job(
            system=system,
            broker=self._broker,
            prefix=self._prefix,
            group=group,
            topic=names.activities,
            changes=names.changes,
            partitions=load.partitions,
            events=min(load.events, load.stock_events) if system == "stock" else load.events,
            folder=str(self._folder),
            state=state,
        )

    @contextmanager
    def _task(self, name: str) -> Iterator[produce.Advance]:
        task = self._progress.add_task(name, total=None)
        yield lambda done, total: self._progress.update(task, completed=done, total=total)
        self._progress.remove_task(task)
        self._progress.console.print(f"{name} done")


@click.command()
@click.option(
    "--workload",
    "name",
    type=click.Choice(workload.names()),
    default="laptop",
    show_default=True,
    help="a file of load_tests/workloads",
)
@click.option(
    "--broker",
    default="embedded",
    show_default=True,
    help="embedded, kafka (its jars are fetched by Maven once), or host:port",
)
@click.option("--events", type=click.IntRange(min=1), help="instead of the workload's")
@click.option("--repetitions", type=click.IntRange(min=1), help="instead of the workload's")
@click.option(
    "--json",
    "json_to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="write the numbers there",
)
def main(
    name: str, broker: str, events: int | None, repetitions: int | None, json_to: Path | None
) -> None:
    """Compare our worker with what it could have been built with."""
    load = workload.load(name, events=events, repetitions=repetitions)
    console = Console()
    around = report.environment(broker)
    quixstreams_install.fetch()
    done: list[dict[str, Run]] = []
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        serve(broker, Path(folder)) as address,
        bars(console) as progress,
    ):
        bench = Bench(load, address, Path(folder), progress)
        expected = bench.prepare()
        start = time.monotonic()
        for number in range(load.repetitions):
            took = (time.monotonic() - start) / max(1, number)
            if number and time.monotonic() - start + took > BUDGET_SECONDS:
                console.print(f"stopped after {number} repetitions: out of time")
                break
            done.append(bench.repeat(number))
    # Quix Streams here lets no time pass for users who do not come back: the engine alone neither.
    ledger = {"worker": expected, "quix": done[0]["engine"].ids or Counter()}
    whole = {
        "environment": around,
        "workload": {"name": name, **msgspec.structs.asdict(load)},
        "repetitions": len(done),
        **report.summary(done, ledger),
    }
    report.show(whole, console)
    if json_to:
        json_to.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")


@contextmanager
def serve(broker: str, folder: Path) -> Iterator[str]:
    if ":" in broker:
        yield broker
        return
    if broker == "kafka":
        brokers.fetch_kafka()
    elif broker != "embedded":
        raise click.BadParameter("embedded, kafka or host:port", param_hint="--broker")
    with brokers.serve(broker, folder) as address:
        yield address


def bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:14}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


if __name__ == "__main__":
    try:
        main()
    except JourneysError as error:
        raise SystemExit(f"load_tests: {error}") from None
