"""The engine alone: decode, look vectors up, apply, dump what changed; no broker, no store.

The log is cut into the batches that the worker would get, so users come together in the same way.
The ids of all changes are given back: they are the ledger of systems that let no time pass.
"""

from pathlib import Path

from load_tests.job import Clock, Job, finish, warm_cache
from models.decoding import decode_activity
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.users import UserState
from streams.kafka.partitioning import partition_of
from streams.settings import Settings


def run(job: Job) -> None:
    """Apply the log from memory."""
    settings = Settings.load()
    cache = warm_cache(Path(job.folder))
    log = batches(job, settings.batch_records)
    engine = Engine(settings.engine(cache.encoder))
    users: dict[str, UserState] = {}
    ids: list[str] = []
    done = 0
    clock = Clock()
    clock.start()
    for batch in log:
        activities = [decode_activity(key, value) for key, value in batch]
        vectors = cache.lookup([(activity.item_id, activity.content) for activity in activities])
        touched: dict[str, UserState] = {}
        for activity, vector in zip(activities, vectors, strict=True):
            user = users.get(activity.user_id)
            if user is None:
                user = users[activity.user_id] = engine.new_user(activity.user_id)
            touched[activity.user_id] = user
            assert vector is not None, "the cache is warm"
            ids += [change.id for change in engine.activity(user, activity, vector).changes]
        for user in touched.values():
            snapshot.dump(user)
        done += len(batch)
        clock.progress(done)
    clock.stop()
    Path(job.state, "ids").write_text("\n".join(ids))
    finish(done, clock)


def batches(job: Job, size: int) -> list[list[tuple[bytes, bytes]]]:
    """Keys and values of the log, as batches of one partition each, partitions in turn."""
    keys = Path(job.folder, "keys").read_bytes().splitlines()
    values = Path(job.folder, "log.jsonl").read_bytes().splitlines()
    partitions: list[list[tuple[bytes, bytes]]] = [[] for _ in range(job.partitions)]
    for key, value in zip(keys[: job.events], values, strict=False):
        partitions[partition_of(key, job.partitions)].append((key, value))
    longest = max(map(len, partitions))
    return [
        records[start : start + size]
        for start in range(0, longest, size)
        for records in partitions
        if start < len(records)
    ]
