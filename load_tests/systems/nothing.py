"""Our worker around an engine that does nothing: what transport and state could do at the most.

All else is the real worker's: it reads, looks vectors up, groups users, dumps and loads them,
appends to the changelog, waits for the acknowledgement, writes to RocksDB, commits. Changes there
are none; state has as many bytes an event on the wire as the real engine's had, all of them
ballast. That is not compressed: what it would come to, nobody could say beforehand.
"""

import os
import random
from collections import Counter

import numpy as np

from load_tests.job import Job
from load_tests.systems import worker
from load_tests.systems.engine import batches
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.outcome import Outcome
from models.engine.users import Cluster, UserState
from models.errors import JourneysError
from models.records import Activity
from models.vectors import Vector
from streams.settings import Settings

SLOTS = 4  # clusters of a user that activities change in turn: the workload's interests
RECORD_BYTES = 17  # what a record has around key and value on the wire, the writer's token in it
SEED = 7


class Nothing(Engine):
    """Decides nothing, and has something stored of every activity.

    Args:
        ballast: Bytes that each rewrites.
    """

    def __init__(self, ballast: int) -> None:
        super().__init__()
        # Nothing that the local store could compress better than what it stands for.
        self._ballast = random.Random(SEED).randbytes(ballast // 2 + 1).hex()[:ballast]

    def activity(
        self,
        user: UserState,
        activity: Activity,
        vector: Vector,
        watermark: int = -1,
        arrival: int = 0,
    ) -> Outcome:
        """Have the next of the user's clusters stored."""
        if len(user.clusters) < SLOTS:
            number, moment = user.given + 1, activity.occurred_at
            cluster = Cluster(number, moment, moment, 1, 1.0, {}, {self._ballast: 1}, [])
            user.open(cluster, np.zeros(1, np.float32), moment, 1.0)
        else:
            user.latest = max(0, user.latest) + 1
            user.dirty.add(user.clusters[user.latest % SLOTS].number)
        return Outcome()


def run(job: Job) -> None:
    """Run the worker until the log is done."""
    os.environ["JOURNEYS_STATE_COMPRESSION"] = "none"
    worker.run(job, Nothing(ballast_of(job)))


def ballast_of(job: Job) -> int:
    """Bytes a stored cluster must have beside its own, for the log to take what the job says.

    Raises:
        JourneysError: The job does not say.
    """
    if not job.state_bytes:
        raise JourneysError("`nothing` writes as much as a worker before it, and there was none")
    engine, activity = Nothing(0), Activity("e", "u000000", "i", "title", 1)
    user = engine.new_user(activity.user_id)
    engine.activity(user, activity, np.zeros(1, np.float32))
    cluster, header = (
        len(key) + len(value or b"") + RECORD_BYTES for key, value in snapshot.dump(user)
    )
    users = slots = 0
    for batch in batches(job, Settings.load().batch_records):
        counts = Counter(key for key, _ in batch)
        users += len(counts)
        slots += sum(min(count, SLOTS) for count in counts.values())
    wanted = job.state_bytes * job.events - users * header - slots * cluster
    return max(0, round(wanted / slots))
