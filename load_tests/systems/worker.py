"""Our worker as `journeys worker` runs it, with the vector cache warm.

The end is when every activity's state is acknowledged on the changelog, which is after its changes
were acknowledged. What only the passing of time brings is waited for, but not measured. Then it
stays a member of its group for as long as its standard input is open: where several share the
log, the others are not to be given its partitions.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust

from load_tests.job import Clock, Job, finish, warm_cache
from models.engine.engine import Engine
from streams.settings import Settings
from streams.state.partition import Time
from streams.worker.app import App, create_app
from streams.worker.batches import Worker
from streams.worker.clock import TICK_SECONDS

POLL_SECONDS = 0.005
NEVER = 1e9  # seconds: no wall clock in the event time of a log that lies ready


def run(
    job: Job,
    engine: Engine | None = None,
    began: Callable[[], None] = lambda: None,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Run the worker until the log is done.

    Args:
        job: What to run.
        engine: In place of ours.
        began: Called when the clock starts.
        ended: Called when it has stopped.
    """
    app, clock = app_of(job, engine), Clock(began, ended)
    app.task(lambda: _watch(app, job, clock))
    execute(app)


def app_of(job: Job, engine: Engine | None = None) -> App:
    """The worker's app."""
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
    return create_app(settings, warm_cache(Path(job.folder)), engine)


def execute(app: App) -> None:
    """Run the app; ends the process."""
    faust.Worker(
        app, loglevel="error", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()


async def leave() -> None:
    """End the process, once standard input is closed: all is acknowledged."""
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


async def _watch(app: Any, job: Job, clock: Clock) -> None:
    worker, done = app.worker, 0
    while not _ended(worker, job, done):
        await asyncio.sleep(POLL_SECONDS)
        if not clock.running and any(tp.topic == job.topic for tp in app.consumer.delivered):
            clock.start()
        done = sum(partition.mark.offset + 1 for partition in worker.partitions.values())
        clock.progress(done, len(worker.partitions))
    clock.stop()
    while _due(worker):  # noqa: ASYNC110 - the worker has nothing to wait for
        await asyncio.sleep(TICK_SECONDS)
    finish(done, clock)
    await leave()


def _ended(worker: Worker, job: Job, done: int) -> bool:
    if not job.ends:
        return done == job.events
    return done > 0 and all(
        partition.mark.offset + 1 >= job.ends[number]
        for number, partition in worker.partitions.items()
    )


def _due(worker: Worker) -> bool:
    return any(
        partition.due(Time(partition.mark.watermark, partition.mark.stamp), 1)
        for partition in worker.partitions.values()
    )
