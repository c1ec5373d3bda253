"""Our worker as in `worker`, with its processor time told apart by stage.

Samples are taken by the process's own processor time (SIGPROF), not by the clock, and each counts
for as much as the event loop's thread has used since the last one: waiting costs nothing, and a
busy machine only makes them fewer. The stage of a sample is that of the innermost function that
stands in `STAGES`, so a stage holds what its libraries take. Other threads are told by their own
clocks.
"""

import json
import signal
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

from load_tests.job import PROFILE, Job
from load_tests.process import ROOT
from load_tests.systems import worker

SAMPLE_SECONDS = 0.001  # of processor time
LOOP = "event loop and the rest"

# Beginning of a file's path, then by choice a function; the longest that fits decides. Paths of
# libraries begin behind `site-packages`.
STAGES = {
    "models/decoding.py": "decode",
    "models/times.py": "decode",
    "models/mapping/": "decode",
    "streams/stages/read.py": "decode",
    "models/encoders/": "vectors: lookup, unread titles",
    "streams/stages/embed.py": "vectors: lookup, unread titles",
    "models/engine/": "engine: clusters, lifecycle",
    "streams/stages/assign.py": "engine: clusters, lifecycle",
    "models/engine/views.py": "engine: words, views, guard, themes",
    "models/engine/publishable.py": "engine: words, views, guard, themes",
    "models/engine/themes.py": "engine: words, views, guard, themes",
    "models/engine/kinds.py": "engine: words, views, guard, themes",
    "models/engine/legible.py": "engine: words, views, guard, themes",
    "models/guard/": "engine: words, views, guard, themes",
    "models/naming/": "engine: words, views, guard, themes",
    "models/text/": "engine: words, views, guard, themes",
    "models/engine/snapshot.py:load": "load state",
    "models/engine/snapshot.py:_read": "load state",
    "models/engine/snapshot.py": "dump state",
    "models/engine/compact.py": "dump state",
    "models/engine/compact.py:unpacked": "load state",
    "models/engine/compact.py:unsketched": "engine: clusters, lifecycle",
    "models/engine/compact.py:sketched": "engine: clusters, lifecycle",
    "streams/stages/publish.py": "encode changes",
    "streams/formats/": "encode changes",
    "models/records.py": "encode changes",
    "streams/state/": "write state: record batches, RocksDB",
    "streams/state/store.py:get": "load state",
    "streams/state/partition.py:user": "load state",
    "streams/worker/partitioners.py": "load state",
    "streams/kafka/producers.py:fill": "write state: record batches, RocksDB",
    "streams/kafka/producers.py": "send",
    "streams/kafka/sending.py": "send",
    "aiokafka/producer/": "send",
    "streams/worker/commit.py": "commit",
    "streams/worker/ownership.py": "commit",
    "faust/transport/consumer.py": "commit",
}
INSTALLED = "site-packages/"


class Sampler:
    """Adds up the processor time of the thread that made it, by stage and by function."""

    def __init__(self) -> None:
        self._stages: dict[str, float] = defaultdict(float)
        self._functions: dict[str, float] = defaultdict(float)
        self._known: dict[object, tuple[str, str] | None] = {}
        self._spent = 0.0

    def start(self) -> None:
        """Begin; for the main thread."""
        self._began = time.process_time()
        self._others = _others()
        self._spent = time.thread_time()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)

    def stop(self) -> dict[str, dict[str, float]]:
        """What was found: seconds by stage, by function of ours, and by other thread."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)  # one may be on its way
        whole = time.process_time() - self._began
        threads = {name: now - self._others.get(name, 0.0) for name, now in _others().items()}
        known = sum(self._stages.values()) + sum(threads.values())
        threads["libraries' own"] = max(0.0, whole - known)
        return {
            "stages": dict(self._stages),
            "functions": dict(self._functions),
            "threads": {name: seconds for name, seconds in threads.items() if seconds > 0},
        }

    def _sample(self, number: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        spent, self._spent = now - self._spent, now
        while frame is not None:
            code = frame.f_code
            if code not in self._known:
                self._known[code] = place_of(code.co_filename, code.co_name)
            if (place := self._known[code]) is not None:
                break
            frame = frame.f_back
        else:
            place = LOOP, LOOP
        self._stages[place[0]] += spent
        self._functions[place[1]] += spent


def run(job: Job) -> None:
    """Run the worker until the log is done."""
    sampler = Sampler()

    def keep() -> None:
        Path(job.state, PROFILE).write_text(json.dumps(sampler.stop()))

    worker.run(job, began=sampler.start, ended=keep)


def place_of(file: str, function: str) -> tuple[str, str] | None:
    """Stage and name of a function; None where its caller's stage counts."""
    path = file.partition(INSTALLED)[2] or file.removeprefix(f"{ROOT}/")
    fitting = [
        key
        for key in STAGES
        if path.startswith(key.partition(":")[0]) and key.partition(":")[2] in ("", function)
    ]
    if not fitting:
        return None
    return STAGES[max(fitting, key=len)], f"{path}:{function}"


def _others() -> dict[str, float]:
    """Processor time of each other thread of Python's, seconds, by its name."""
    spent: dict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.ident is not None:
            faust = type(thread).__module__ == "mode.threads"
            clock = time.pthread_getcpuclockid(thread.ident)
            spent["fetch, group, offsets" if faust else thread.name] += time.clock_gettime(clock)
    return spent
