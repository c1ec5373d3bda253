"""Embed: the vectors of activities, made beside everything else by threads of their own.

A contextual encoder makes a hundred vectors a second, so a batch with thousands of titles that
nobody has seen takes half a minute. Meanwhile the event loop must turn, partitions may go
elsewhere, and activities whose vectors are there must not wait for those behind them. So a batch's
titles are asked for at once, in its order, and its vectors come as they are made (`Embedding`).
Whoever applies them takes what is there, from the batch's first activity on, commits it and comes
back (`streams.worker.batches`); no activity overtakes another.

The threads are few and take one short job at a time, of the partitions in turn; titles of batches
that wait for their turn are encoded ahead while there is nothing else to do. What is asked for is
bounded: a partition has one batch under way and one ahead, and those ahead share a bound.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from models.encoders.cache import Item, VectorCache
from models.encoders.encoder import check_vector
from models.errors import Rejected
from models.records import Activity
from models.vectors import Vector

# Long enough that titles of equal length meet in a job, short enough that partitions take turns.
JOB_SECONDS: Final = 0.5
FIRST_JOB: Final = 16  # titles, while it is not known how long one takes
AHEAD_TITLES: Final = 20_000  # of all batches that wait for their turn; some 30 MB of vectors


class Embedding:
    """The vectors of one batch's activities, as they come.

    Attributes:
        vectors: One entry per activity: a unit vector, or why there is none; None until it is here.
        ready: How many of them are here without a gap, from the first on.
    """

    def __init__(
        self, activities: Sequence[Activity], cache: VectorCache, goes_on: Callable[[], bool]
    ) -> None:
        items = self._items = [(activity.item_id, activity.content) for activity in activities]
        self.vectors: list[Vector | Rejected | None] = list(cache.lookup(items))
        self.ready = 0
        self._goes_on = goes_on
        self._places: dict[Item, list[int]] = {}
        self._error: BaseException | None = None
        self._over = asyncio.Event()
        for place, activity in enumerate(activities):
            if activity.vector is not None:
                self.vectors[place] = _own_vector(activity.vector, cache.encoder.dimensions)
            elif self.vectors[place] is None:
                self._places.setdefault(items[place], []).append(place)
        self.wanted = deque(self._places)
        self._advance()

    async def wait(self, seconds: float) -> None:
        """Wait until all vectors are here, or it goes on no more; at most so long.

        Raises:
            ModelError: The encoder fails.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        if self._error is not None:
            raise self._error

    @property
    def next(self) -> Item | None:
        """The first item whose vector is not here yet."""
        return self._items[self.ready] if self.ready < len(self._items) else None

    @property
    def given_up(self) -> bool:
        """Whether it has ended with vectors that are not here."""
        return self._over.is_set() and bool(self._places)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it: all is here, it failed or is given up."""
        if not self._over.is_set() and not self._goes_on():
            self.end()
        return self._over.is_set()

    def came(self, start: int) -> list[Vector | Rejected]:
        """What is here without a gap, from a place on."""
        return [vector for vector in self.vectors[start : self.ready] if vector is not None]

    def take(self, item: Item, vector: Vector) -> None:
        """Put a vector that has come in its places."""
        for place in self._places.pop(item, ()):
            self.vectors[place] = vector
        self._advance()

    def end(self, error: BaseException | None = None) -> None:
        """Want nothing more."""
        self._error = error
        self.wanted.clear()
        self._over.set()

    def _advance(self) -> None:
        while self.ready < len(self.vectors) and self.vectors[self.ready] is not None:
            self.ready += 1
        if not self._places:
            self._over.set()


class EncodingPool:
    """Makes vectors in threads of its own. Its methods are for the event loop.

    Args:
        cache: With its encoder; asked first.
        threads: How many jobs run at once, each in a thread.
        most: Titles of one job.

    Attributes:
        cache: The same.
        done: Titles that jobs have finished so far: it rises while there is progress.
    """

    def __init__(self, cache: VectorCache, threads: int, most: int) -> None:
        self.cache = cache
        self.done = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="encoder")
        self._free = threads
        self._most = most
        self._size = min(FIRST_JOB, most)
        self._now: deque[Embedding] = deque()
        self._ahead: deque[Embedding] = deque()
        self._under_way: dict[Item, list[Embedding]] = {}

    @property
    def queued(self) -> int:
        """Titles that are asked for and not made yet."""
        return _titles(self._now) + _titles(self._ahead) + len(self._under_way)

    def embed(
        self,
        activities: Sequence[Activity],
        goes_on: Callable[[], bool] = lambda: True,
        *,
        ahead: bool = False,
    ) -> Embedding:
        """Ask for the vectors of activities.

        Args:
            activities: In the order in which they will be applied.
            goes_on: Asked before each job; once it is False, nothing more is made of these.
            ahead: They are not waited for yet: `hurry` is called once they are.
        """
        embedding = Embedding(activities, self.cache, goes_on)
        if not ahead:
            self._now.append(embedding)
        elif _titles(self._ahead) < AHEAD_TITLES:
            self._ahead.append(embedding)
        self._start()
        return embedding

    def hurry(self, embedding: Embedding) -> None:
        """What was asked for ahead is waited for now."""
        if embedding in self._ahead:
            self._ahead.remove(embedding)
        self._now.append(embedding)
        self._start()

    def turns(self, embedding: Embedding) -> int:
        """How many titles were made, while its next vector waits for its turn; 0 once it has it."""
        return 0 if embedding.next is None or embedding.next in self._under_way else self.done

    def close(self) -> None:
        """Begin no more jobs, and let go of the vectors' store."""
        for embedding in (*self._now, *self._ahead):
            embedding.end()
        self._executor.shutdown(wait=True)
        self.cache.close()

    def _start(self) -> None:
        while self._free and (job := self._job(self._now) or self._job(self._ahead)):
            self._free -= 1
            made = asyncio.get_running_loop().run_in_executor(self._executor, self._run, job)
            made.add_done_callback(lambda made, job=job: self._finish(job, made))  # type: ignore[misc]

    def _job(self, queue: deque[Embedding]) -> list[Item]:
        """The next titles, of one after the other; what another job makes already is joined."""
        job: list[Item] = []
        while queue and len(job) < self._size:
            embedding = queue.popleft()
            while not embedding.over and embedding.wanted and len(job) < self._size:
                item = embedding.wanted.popleft()
                if item not in self._under_way:
                    job.append(item)
                self._under_way.setdefault(item, []).append(embedding)
            if embedding.wanted:
                queue.append(embedding)
        return job

    def _run(self, job: Sequence[Item]) -> tuple[list[Vector], float]:
        began = time.perf_counter()
        return self.cache.fill(job), time.perf_counter() - began

    def _finish(
        self, job: Sequence[Item], made: "asyncio.Future[tuple[list[Vector], float]]"
    ) -> None:
        self._free += 1
        waiting = [self._under_way.pop(item) for item in job]
        if made.cancelled():
            return
        if error := made.exception():
            for embedding in {one for several in waiting for one in several}:
                embedding.end(error)
        else:
            vectors, seconds = made.result()
            self.done += len(job)
            fitting = int(len(job) * JOB_SECONDS / max(seconds, 1e-6))
            self._size = max(1, min(fitting, 2 * self._size, self._most))
            for item, vector, several in zip(job, vectors, waiting, strict=True):
                for embedding in several:
                    embedding.take(item, vector)
        self._start()


def _titles(queue: deque[Embedding]) -> int:
    return sum(len(embedding.wanted) for embedding in queue)


def _own_vector(vector: Sequence[float], dimensions: int) -> Vector | Rejected:
    try:
        return check_vector(vector, dimensions)
    except Rejected as error:
        return error
