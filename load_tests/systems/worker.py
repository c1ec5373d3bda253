"""Our worker as `journeys worker` runs it, with the vector cache warm.

The end is when every activity's state is acknowledged on the changelog, which is after its changes
were acknowledged. What only the passing of time brings is waited for, but not measured.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import faust

from load_tests.job import Clock, Job, finish, warm_cache
from streams.settings import Settings
from streams.worker.app import create_app
from streams.worker.batches import Worker
from streams.worker.clock import TICK_SECONDS

POLL_SECONDS = 0.005
NEVER = 1e9  # seconds: no wall clock in the event time of a log that lies ready


def run(job: Job) -> None:
    """Run the worker until the log is done."""
    settings = Settings.load(
        broker=job.broker,
        topic_prefix=job.prefix,
        group=job.group,
        partitions=job.partitions,
        store="rocksdb",
        data_dir=Path(job.state),
        web_port=0,
        idle_seconds=NEVER,
        log_level="error",
    )
    app = create_app(settings, warm_cache(Path(job.folder)))
    app.task(lambda: _watch(app, job))
    faust.Worker(
        app, loglevel="error", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()


async def _watch(app: Any, job: Job) -> None:
    worker, clock, done = app.worker, Clock(), 0
    while done < job.events:
        await asyncio.sleep(POLL_SECONDS)
        if not clock.running and any(tp.topic == job.topic for tp in app.consumer.delivered):
            clock.start()
        done = sum(partition.mark.offset + 1 for partition in worker.partitions.values())
        clock.progress(done)
    clock.stop()
    while _due(worker):  # noqa: ASYNC110 - the worker has nothing to wait for
        await asyncio.sleep(TICK_SECONDS)
    finish(done, clock)
    os._exit(0)  # all is acknowledged; nobody shares the group


def _due(worker: Worker) -> bool:
    return any(
        partition.due(partition.mark.watermark, 1) for partition in worker.partitions.values()
    )
