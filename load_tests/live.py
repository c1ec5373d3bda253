"""A worker that gets its log while it runs, phase by phase."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from load_tests.arrivals import Arrivals
from load_tests.bench import RUN_SECONDS, Bench
from load_tests.open_loop import Phase, Sender
from load_tests.process import Failed, Process
from load_tests.produce import Advance

LEAD_SECONDS = 0.2  # before a phase's first event
COMMITTED_SECONDS = 120.0  # after a phase, until all of it must be

Seconds = NDArray[np.float64]


def drive(
    bench: Bench, broker: str, plan: list[Phase], folder: Path
) -> dict[str, tuple[Seconds, Seconds, Seconds]]:
    """Send all phases to a worker that has its partitions.

    Args:
        bench: The log of all phases is written, its topics are empty.
        broker: Its address.
        plan: The phases, each sent once all before it is committed.
        folder: For the worker's state.

    Returns:
        By phase and event, in seconds: how late the sender was, and latency to the change (NaN for
        none) and to the commit.

    Raises:
        Failed: The worker has ended, or does not commit.
        BrokerError: The broker does not take the log.
    """
    job = bench.job("worker", "live", tempfile.mkdtemp(dir=folder))
    sender = Sender(broker, job.topic, job.partitions)
    late: list[Seconds] = []
    due: list[Seconds] = []
    limit = RUN_SECONDS + sum(phase.due[-1] for phase in plan)
    with (
        Process(job, limit, stays=True) as worker,  # until its last commit is seen
        Arrivals(broker, job.group, job.topic, job.changes, job.partitions) as arrivals,
    ):
        worker.until(lambda told: told["held"] == job.partitions)
        for phase in plan:
            with bench.task(phase.name) as advance:
                began = time.perf_counter() + LEAD_SECONDS
                events = bench.events[phase.first : phase.end]
                late.append(sender.send(events, phase.due, began, _watch(worker, advance, phase)))
                due.append(began + phase.due)
                _await_commit(worker, arrivals, phase.end)
        commits, changes = arrivals.commits(bench.events), arrivals.changes(job.events)
    return {
        phase.name: (
            late[number],
            changes[phase.first : phase.end] - due[number],
            commits[phase.first : phase.end] - due[number],
        )
        for number, phase in enumerate(plan)
    }


def _watch(worker: Process, advance: Advance, phase: Phase) -> Callable[[int], None]:
    def look(sent: int) -> None:
        worker.check()
        advance(sent, len(phase.due))

    return look


def _await_commit(worker: Process, arrivals: Arrivals, count: int) -> None:
    deadline = time.monotonic() + COMMITTED_SECONDS
    while arrivals.committed() < count:
        worker.check()
        if time.monotonic() > deadline:
            raise Failed(f"the worker committed {arrivals.committed():,} of {count:,} events")
        time.sleep(LEAD_SECONDS / 4)
