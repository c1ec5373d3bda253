"""Stock Faust: one agent, plain aiokafka transport, JSON values, nothing done with them."""

import os
from typing import Any

import faust

from load_tests.job import Clock, Job, finish


def run(job: Job) -> None:
    """Count records until the job's events are done."""
    # Only what a group join takes is changed: it is not measured, and 30 s by default.
    app = faust.App(
        job.group,
        broker=f"kafka://{job.broker}",
        store="memory://",
        datadir=job.state,
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=job.partitions,
        broker_rebalance_timeout=3.0,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=1.0,
        autodiscover=False,
    )
    clock = Clock()

    @app.agent(app.topic(job.topic))
    async def nothing(stream: faust.StreamT[Any]) -> None:
        done = 0
        async for _ in stream:
            if not done:
                clock.start()
            done += 1
            clock.progress(done)
            if done == job.events:
                clock.stop()
                finish(done, clock)
                os._exit(0)  # Faust takes seconds to leave; nobody shares the group

    faust.Worker(
        app, loglevel="error", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()
