"""What one run of one system is told, and how it reports: JSON lines on its standard output."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.encoders.cache import VectorCache
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.params import DAY_MS, SCALE
from models.records import Activity

REPORT_SECONDS = 0.25
PROFILE = "profile.json"  # in the folder `state`: where processor time went
WARM_UP = 200  # activities, enough for every path of the engine


class Job(msgspec.Struct, frozen=True):
    """One run of one system.

    Attributes:
        system: Module in `load_tests.systems`.
        broker: Address, `host:port`.
        prefix: Of the topics.
        group: Consumer group, new for every run, so that each begins at the log's first record.
        topic: The log.
        changes: Where changes go.
        partitions: Of every topic.
        events: How many of the log to handle.
        folder: Holds `log.jsonl`, `items.json` and `vectors.npy`.
        state: Folder for local state, empty at first.
        state_bytes: What `nothing` writes to the changelog, bytes an event.
        ends: How many records each partition has, where several processes share the log: each is
            done at the end of those that it holds.
    """

    system: str
    broker: str
    prefix: str
    group: str
    topic: str
    changes: str
    partitions: int
    events: int
    folder: str
    state: str
    state_bytes: float = 0.0
    ends: tuple[int, ...] = ()


class Recorded:
    """Stands in for the encoder: gives vectors that were encoded before the clock started."""

    name = "recorded"
    languages = ("en",)
    scale = SCALE
    caveat = ""

    def __init__(self, titles: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self.dimensions = vectors.shape[1]
        self._rows = {title: row for row, title in enumerate(titles)}
        self._vectors = vectors

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `models.encoders.encoder.Encoder.encode`."""
        return self._vectors[[self._rows[text] for text in texts]]


def warm_cache(folder: Path) -> VectorCache:
    """A vector cache that holds all items of the log, and the engine's code compiled.

    Both are the state in which a worker is after its first minutes.
    """
    items = msgspec.json.decode((folder / "items.json").read_bytes(), type=list[tuple[str, str]])
    encoder: Any = Recorded([title for _, title in items], np.load(folder / "vectors.npy"))
    cache = VectorCache(encoder, len(items))
    vectors = cache.fill(items)
    engine = Engine()
    user = engine.new_user("warm")
    for week, ((item_id, title), vector) in enumerate(zip(items[:WARM_UP], vectors, strict=False)):
        engine.activity(
            user, Activity(f"e{week}", "warm", item_id, title, week * 7 * DAY_MS), vector
        )
    snapshot.load(engine, "warm", dict(snapshot.dump(user)).get)
    return cache


class Clock:
    """Takes the time of a run and tells how far it is.

    It starts with the first record that the system hands to its own code: what came before (start,
    group join, recovery of empty state) is not measured.

    Args:
        began: Called when it starts.
        ended: Called when it has stopped.

    Attributes:
        seconds: From start to stop.
        cpu: Seconds of processor time that the process took in between, all its threads.
    """

    def __init__(
        self, began: Callable[[], None] = lambda: None, ended: Callable[[], None] = lambda: None
    ) -> None:
        self.seconds = self.cpu = 0.0
        self._began = began
        self._ended = ended
        self._started: tuple[float, float] | None = None
        self._next_report = 0.0

    @property
    def running(self) -> bool:
        """Whether the first record has come."""
        return self._started is not None

    def start(self) -> None:
        """The first record is here."""
        self._began()
        self._started = time.perf_counter(), time.process_time()

    def progress(self, done: int, held: int = 0) -> None:
        """Tell how far it is; cheap enough to be called often.

        Args:
            done: Events.
            held: Partitions that it holds.
        """
        now = time.perf_counter()
        if now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            _tell({"done": done, "held": held})

    def stop(self) -> None:
        """The last event is done."""
        assert self._started is not None, "it was started"
        self.seconds = time.perf_counter() - self._started[0]
        self.cpu = time.process_time() - self._started[1]
        self._ended()


def finish(events: int, clock: Clock) -> None:
    """Tell the result."""
    _tell({"events": events, "seconds": clock.seconds, "cpu": clock.cpu, "peak_rss": peak_rss()})


def peak_rss() -> int:
    """Most memory that this process has had resident, bytes.

    Of the process's own address space: `getrusage` would count what its parent had at the fork.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


_reports = sys.stdout


def keep_reports_apart() -> None:
    """From here on only reports go to standard output; what libraries print goes to the log."""
    global _reports
    _reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)


def _tell(message: dict[str, Any]) -> None:
    _reports.write(json.dumps(message) + "\n")
    _reports.flush()
