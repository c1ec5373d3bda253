"""Our worker from when it gets its partitions to when their state is there.

Its local files may lie there from an earlier run, or be gone; then all is read back from the
changelog. What came before (start, and waiting until the group gives up a killed member) is not
measured.
"""

import asyncio
from typing import Any

from load_tests.job import Clock, Job, finish
from load_tests.systems import worker


def run(job: Job) -> None:
    """Recover, and tell how long it took."""
    app, clock = worker.app_of(job), Clock()
    watching: list[asyncio.Task[None]] = []

    async def watch() -> None:
        while len(app.worker.partitions) < job.partitions:  # noqa: ASYNC110
            await asyncio.sleep(worker.POLL_SECONDS)
        clock.stop()
        finish(job.events, clock)
        await worker.leave()

    async def assigned(*given: Any, **more: Any) -> None:
        if not clock.running:
            clock.start()
            watching.append(asyncio.create_task(watch()))

    app.on_partitions_assigned.connect(assigned)
    worker.execute(app)
