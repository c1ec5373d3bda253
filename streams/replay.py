"""The engine driven over a log without a broker: activities in, changes out.

It is `journeys replay`, and it is the ledger that the worker's tests compare with: for the same
log and partitions it tells the same changes. There is no clock in it; a partition's watermark is
the latest event time that the partition has seen. Lines of files arrive at once: for users whose
activities stand behind later ones of others, time passes when the log is done (`Replay.settle`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.encoders.cache import VectorCache
from models.encoders.encoder import check_vector
from models.encoders.reading import is_from_characters
from models.engine.due import DueUsers
from models.engine.engine import Engine
from models.engine.outcome import Outcome
from models.engine.params import EngineParams
from models.engine.users import UserState
from models.errors import Rejected
from models.records import Activity
from models.vectors import Vector
from streams.encoding import Unread
from streams.files.entries import Entry, entries
from streams.files.rows import Batch
from streams.kafka.partitioning import Partitioner, away_from_home, partition_of

ARRIVING: Final = 0  # record time of all lines
ARRIVED: Final = 1 << 62  # that of a long silence after them


@dataclass(slots=True)
class Step:
    """What one line of the log brought.

    Attributes:
        number: Of the line, from 1.
        line: The activity as JSON, or what came instead.
        activity: What it holds; None when it holds none.
        rejected: Why it was not applied, if so.
        file: That it stands in.
        outcomes: Of the activity, then of the time that passed for other users of its partition.
    """

    number: int
    line: bytes
    activity: Activity | None = None
    rejected: Rejected | None = None
    file: str = ""
    outcomes: list[Outcome] = field(default_factory=list)


class Replay:
    """Drives the engine over a log, one activity after the other.

    Args:
        params: The engine's settings.
        cache: Gives the vectors of the activities that bring none.
        partitions: How many partitions `activity-events` would have; each has its own watermark.
        partitioner: By which the producers would choose a user's.

    Attributes:
        unread: How many titles the encoder cannot read.
    """

    def __init__(
        self,
        params: EngineParams,
        cache: VectorCache,
        partitions: int = 1,
        partitioner: Partitioner = partition_of,
    ) -> None:
        self.engine = Engine(params)
        self.users: dict[str, UserState] = {}
        self.unread = Unread(cache.encoder)
        self._cache = cache
        self._partitioner = partitioner
        self._clocks = [_Clock() for _ in range(partitions)]
        self._clock_of: dict[str, _Clock] = {}
        self._read = 0

    def run(self, batches: Iterable[Sequence[bytes]]) -> Iterator[Step]:
        """Apply lines of JSON; blank ones are skipped.

        Args:
            batches: Lines to read and encode at once; the bounds make no difference to the steps.

        Yields:
            One step per line, in order.

        Raises:
            ModelError: The encoder fails.
        """
        for lines in batches:
            numbers = range(self._read + 1, self._read + 1 + len(lines))
            self._read += len(lines)
            yield from self.apply(entries(Batch("", numbers, lines)))

    def settle(self) -> list[Outcome]:
        """Let time pass for users who came behind others: nothing more arrives of them.

        Returns:
            What that brings.
        """
        return [outcome for clock in self._clocks for outcome in self._pass(clock, ARRIVED)]

    def apply(self, batch: Sequence[Entry], arrivals: Sequence[int] = ()) -> Iterator[Step]:
        """Apply what was read; the vectors of a batch are made at once.

        Args:
            batch: In order.
            arrivals: Record time of each, epoch ms; without, all arrive at once.

        Yields:
            One step per entry, in order.

        Raises:
            ModelError: The encoder fails.
        """
        activities = [entry.activity for entry in batch if entry.activity is not None]
        wanted = [(a.item_id, a.content) for a in activities if a.vector is None]
        vectors = dict(zip(wanted, self._cache.fill(wanted), strict=True))
        for place, entry in enumerate(batch):
            step = Step(entry.number, entry.line, entry.activity, entry.rejected, entry.file)
            if entry.activity is not None:
                arrival = arrivals[place] if arrivals else ARRIVING
                self._apply(step, entry.activity, vectors, arrival)
            yield step

    def _apply(
        self, step: Step, activity: Activity, vectors: dict[tuple[str, str], Vector], arrival: int
    ) -> None:
        user_id = activity.user_id
        clock = self._clock_of.get(user_id) or self._clocks[self._partition(user_id)]
        clock.arrival = max(clock.arrival, arrival)
        user = self.users.get(user_id) or self._new_user(user_id)
        try:
            if activity.vector is None:
                vector = vectors[activity.item_id, activity.content]
            else:
                vector = check_vector(activity.vector, self._cache.encoder.dimensions)
            step.outcomes.append(
                self.engine.activity(user, activity, vector, clock.watermark, clock.arrival)
            )
        except Rejected as error:
            step.rejected = error
            return
        if activity.vector is None:
            self.unread.count(1, is_from_characters(vector))
        if user_id not in self.users:
            self.users[user_id] = user
            self._clock_of[user_id] = clock
        clock.watermark = max(clock.watermark, activity.occurred_at)
        clock.due.set(user_id, self.engine.due(user), self.engine.held(user.behind))
        step.outcomes += self._pass(clock, clock.arrival)

    def _pass(self, clock: "_Clock", arrival: int) -> Iterator[Outcome]:
        """Let time pass for those of a partition who wait for it."""
        for user_id in clock.due.at(clock.watermark, arrival):
            user = self.users[user_id]
            outcome = self.engine.passing(user, clock.watermark)
            clock.due.set(user_id, self.engine.due(user))
            if outcome.changes:
                yield outcome

    def _partition(self, user_id: str) -> int:
        return self._partitioner(user_id.encode(), len(self._clocks))

    def _new_user(self, user_id: str) -> UserState:
        away = away_from_home(user_id.encode(), self._partition(user_id), len(self._clocks))
        return self.engine.new_user(user_id, away)


class _Clock:
    """How far one partition has come, and its users who wait for that."""

    def __init__(self) -> None:
        self.watermark = self.arrival = -1
        self.due = DueUsers()
