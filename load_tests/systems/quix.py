"""The same engine inside Quix Streams, with state and changelog, as we would write it there.

One message at a time, as Quix has it. To be fair to it: only the parts that changed are set, a
state key each, and users once decoded stay in memory (Quix owns the partition as long as we do).
Offsets, state and output are committed at Quix's own intervals; the last commit is measured too.
"""

from pathlib import Path
from typing import Any

from quixstreams import Application

from load_tests.job import Clock, Job, finish, warm_cache
from models.decoding import decode_activity
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.users import UserState
from models.records import cloudevent
from streams.settings import Settings


def run(job: Job) -> None:
    """Handle the log, then commit."""
    cache = warm_cache(Path(job.folder))
    engine = Engine(Settings.load().engine(cache.encoder))
    users: dict[str, UserState] = {}
    clock = Clock()
    done = 0

    def handle(value: bytes, key: bytes, timestamp: int, headers: Any, state: Any) -> list[bytes]:
        if not done:
            clock.start()
        activity = decode_activity(key, value)
        user = users.get(activity.user_id)
        if user is None:
            user = users[activity.user_id] = snapshot.load(
                engine, activity.user_id, state.get_bytes
            )
        (vector,) = cache.lookup([(activity.item_id, activity.content)])
        assert vector is not None, "the cache is warm"
        outcome = engine.activity(user, activity, vector)
        for part, content in snapshot.dump(user):
            if content is None:
                state.delete(part)
            else:
                state.set_bytes(part, content)
        return [cloudevent(change) for change in outcome.changes]

    def handled(topic: str, partition: int, offset: int) -> None:
        nonlocal done
        done += 1
        clock.progress(done)
        if done == job.events:
            app.stop()

    # As with Faust, only what a group join takes is changed: it is not measured.
    app = Application(
        broker_address=job.broker,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        consumer_extra_config={"session.timeout.ms": 10_000, "heartbeat.interval.ms": 1_000},
        state_dir=job.state,
        on_message_processed=handled,
        loglevel="WARNING",
    )
    frame = app.dataframe(
        app.topic(job.topic, key_deserializer="bytes", value_deserializer="bytes")
    )
    frame = frame.apply(handle, stateful=True, expand=True, metadata=True)
    frame.to_topic(app.topic(job.changes, key_serializer="bytes", value_serializer="bytes"))

    # The end is when the last checkpoint stands; `run` returns only after all clients are closed.
    context: Any = app._processing_context
    commit = context.commit_checkpoint

    def timed(force: bool = False, **options: Any) -> None:
        commit(force=force, **options)
        if force and not clock.seconds:
            clock.stop()

    context.commit_checkpoint = timed
    app.run()
    finish(done, clock)
