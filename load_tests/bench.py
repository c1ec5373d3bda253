"""One broker with the log on it, and the runs of systems over that log."""

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.progress import Progress

from load_tests import produce, workload
from load_tests.baseline import Baseline
from load_tests.job import Job, warm_cache
from load_tests.measure import Run, measure
from load_tests.process import ROOT
from load_tests.systems import module_of
from models.encoders.encoder import Encoder
from models.errors import JourneysError
from streams.kafka.partitioning import partition_of
from streams.ledger.expected import Expected
from streams.settings import Settings
from streams.topics import Topics

RUN_SECONDS = 300.0  # a system that takes longer has failed
LEDGER_LINES = 2_000


class Bench:
    """One broker with the log on it, and all that the systems need in files.

    Args:
        load: The workload.
        broker: Its address.
        folder: For the files.
        progress: Tells how far it is.
        baselines: Other commits that are to run.

    Attributes:
        settings: Of whoever works on its topics.
        topics: Their names.
        events: The log, once it is written.
    """

    def __init__(
        self,
        load: workload.Workload,
        broker: str,
        folder: Path,
        progress: Progress,
        baselines: Sequence[Baseline] = (),
    ) -> None:
        self._load = load
        self._broker = broker
        self._folder = folder
        self._progress = progress
        self._prefix = f"load-{uuid.uuid4().hex[:8]}-"
        self._roots = {each.commit: each.root for each in baselines}
        self._state_bytes = 0.0  # an event, of the last worker
        self.events: list[workload.Event] = []
        self.settings = Settings.load(
            broker=broker, topic_prefix=self._prefix, partitions=load.partitions, web_port=0
        )
        self.topics = Topics.of(self.settings)

    def write(self) -> None:
        """Make the log, its files and its topics, which stay empty."""
        with self.task("log") as advance:
            self.events = workload.generate(self._load)
            self._folder.mkdir(exist_ok=True)
            produce.write(self.events, self._folder, Encoder.open("fast"), advance)
            produce.make_topics(self.settings)

    def send(self) -> None:
        """Put the log on the broker."""
        produce.produce(self.events, self.settings)

    def expected(self) -> Counter[str]:
        """The ids of the changes that the log must bring.

        Raises:
            JourneysError: The log is wrong.
        """
        expected = Expected(self.settings, warm_cache(self._folder))
        with self.task("ledger") as advance:
            for start in range(0, len(self.events), LEDGER_LINES):
                events = self.events[start : start + LEDGER_LINES]
                expected.send((event.key, event.value) for event in events)
                if expected.rejects:
                    raise JourneysError(f"the log is wrong: {expected.rejects}")
                advance(start + len(events), len(self.events))
        return Counter(list(expected.changes))

    def prepare(self) -> Counter[str]:
        """Put the log on the broker; gives the ids of the changes that it must bring."""
        self.write()
        self.send()
        return self.expected()

    def repeat(self, number: int, systems: Sequence[str]) -> dict[str, Run]:
        """Run each system once, beginning with another one each time."""
        turn = number % len(systems)
        runs = {}
        for system in (*systems[turn:], *systems[:turn]):
            group = f"{system.replace('@', '-')}-{number}"
            runs[system] = self.run(
                system, group, f"{number + 1}/{self._load.repetitions} {system}"
            )
        return runs

    def run(self, system: str, group: str, title: str) -> Run:
        """Run one system once, in a group that is new."""
        if system == "nothing" and not self._state_bytes:
            self.run("worker", f"{group}-bytes", "worker, whose bytes it writes")
        commit = system.partition("@")[2]
        root = self._roots[commit] if commit else ROOT
        with self.task(title) as advance, tempfile.TemporaryDirectory(dir=self._folder) as state:
            job = self.job(module_of(system), group, state)
            run = measure(job, RUN_SECONDS, lambda done: advance(done, job.events), root)
        if system == "worker" and run.changelog_bytes:
            self._state_bytes = run.changelog_bytes / run.events
        return run

    def job(self, module: str, group: str, state: str) -> Job:
        """What a system is told that runs alone."""
        load = self._load
        return Job(
            system=module,
            broker=self._broker,
            prefix=self._prefix,
            group=group,
            topic=self.topics.activities,
            changes=self.topics.changes,
            partitions=load.partitions,
            events=min(load.events, load.stock_events) if module == "stock" else load.events,
            folder=str(self._folder),
            state=state,
            state_bytes=self._state_bytes,
        )

    def shared(self, job: Job) -> Job:
        """The same for one of several that share the log."""
        sizes = Counter(partition_of(event.key, job.partitions) for event in self.events)
        return msgspec.structs.replace(
            job, ends=tuple(sizes[number] for number in range(job.partitions))
        )

    @contextmanager
    def task(self, name: str) -> Iterator[produce.Advance]:
        """Something that takes a while, and how far it is."""
        task = self._progress.add_task(name, total=None)
        yield lambda done, total: self._progress.update(task, completed=done, total=total)
        self._progress.remove_task(task)
        self._progress.console.print(f"{name} done")
