"""One broker with the log on it, and the runs of systems over that log."""

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress

from load_tests import produce, workload
from load_tests.job import Job, warm_cache
from load_tests.measure import Run, measure
from load_tests.systems import NAMES
from models.encoders.encoder import Encoder
from models.errors import JourneysError
from streams.replay import Replay
from streams.settings import Settings
from streams.topics import Topics

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
            produce.write(events, self._folder, Encoder.open("fast"), advance)
            produce.produce(events, self.settings)
        ids: Counter[str] = Counter()
        cache = warm_cache(self._folder)
        replay = Replay(self.settings.engine(cache.encoder), cache, self._load.partitions)
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
