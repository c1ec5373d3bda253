"""Cost per event as users grow: most are then not decoded in memory, but bytes to be loaded.

Users are copies of a few that were grown one by one, each with bytes of its own; how a worker goes
about it is `streams.state.partition`: users of a batch are loaded, changed, dumped, and the least
recently used are forgotten.
"""

import random
import time
from typing import NamedTuple

from load_tests.synthetic import START_MS, Titles, life, step_ms
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.users import UserState
from models.records import Activity

INTERESTS = 8  # of each user
STEP_MS = step_ms(INTERESTS)
GROWN = 20  # users who are copied
PAST = 60  # activities in their past
BATCH = 2_000
SEED = 7


class Cost(NamedTuple):
    """What an event cost with so many users; times in seconds of processor time."""

    users: int
    events: int
    load: float
    apply: float
    dump: float
    loaded: int
    state_bytes: int


class Users:
    """All users as bytes, and some of them decoded.

    Args:
        count: How many there are.
        cached: How many are kept decoded.
        titles: What they do.
    """

    def __init__(self, count: int, cached: int, titles: Titles) -> None:
        self.engine = Engine()
        self._titles = titles
        self._count = count
        self._cached = cached
        self._decoded: dict[str, UserState] = {}
        self._parts: dict[bytes, bytes] = {}
        grown = [self._grow(f"g{number:02d}") for number in range(GROWN)]
        for number in range(count):
            name = f"u{number:07d}".encode()
            for key, value in grown[number % GROWN]:
                # Copied, so that a million users are not twenty in the processor's cache.
                self._parts[name + key[3:]] = bytes(bytearray(value))
        self.state_bytes = sum(len(key) + len(value) for key, value in self._parts.items())

    def _grow(self, user_id: str) -> list[tuple[bytes, bytes]]:
        user = self.engine.new_user(user_id)
        acts = life(user_id, self._titles, STEP_MS, first=int(user_id[1:]) * PAST)
        for activity, row in (next(acts) for _ in range(PAST)):
            self.engine.activity(user, activity, self._titles.vectors[row])
        return [(key, value) for key, value in snapshot.dump(user) if value is not None]

    def run(self, events: int) -> Cost:
        """Apply events of users at random, a batch at a time."""
        chance, titles = random.Random(SEED), self._titles
        load = apply = dump = 0.0
        loaded = 0
        for start in range(0, events, BATCH):
            ids = [f"u{chance.randrange(self._count):07d}" for _ in range(BATCH)]
            rows = [chance.randrange(len(titles.titles)) for _ in ids]
            moment = START_MS + (GROWN * PAST + start // BATCH) * STEP_MS
            acts = [
                Activity(f"n{start + at}", user_id, f"i{row}", titles.titles[row], moment)
                for at, (user_id, row) in enumerate(zip(ids, rows, strict=True))
            ]
            began = time.process_time()
            missing = [user_id for user_id in set(ids) if user_id not in self._decoded]
            for user_id in missing:
                self._decoded[user_id] = snapshot.load(self.engine, user_id, self._parts.get)
            ready = time.process_time()
            for activity, row in zip(acts, rows, strict=True):
                self.engine.activity(self._decoded[activity.user_id], activity, titles.vectors[row])
            applied = time.process_time()
            for user_id in set(ids):
                user = self._decoded.pop(user_id)
                self._decoded[user_id] = user  # to the end: used most recently
                for key, value in snapshot.dump(user):
                    if value is None:
                        self._parts.pop(key, None)
                    else:
                        self._parts[key] = value
            for user_id in list(self._decoded)[: max(0, len(self._decoded) - self._cached)]:
                del self._decoded[user_id]
            load += ready - began
            apply += applied - ready
            dump += time.process_time() - applied
            loaded += len(missing)
        return Cost(self._count, events, load, apply, dump, loaded, self.state_bytes)
