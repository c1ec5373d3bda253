"""Cost per event as users grow: most are then not decoded in memory, but bytes to be loaded.

Users are copies of a few that were grown one by one, each with bytes of its own; how a worker goes
about it is `streams.state.partition`: users of a batch are loaded, changed, dumped, and the least
recently used are forgotten.
"""

import random
import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from load_tests.synthetic import START_MS, Titles, life, step_ms
from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.snapshot import Part
from models.engine.users import UserState
from models.records import Activity
from streams.state.store import Parts

INTERESTS = 8  # of each user
STEP_MS = step_ms(INTERESTS)
GROWN = 20  # users who are copied
PAST = 120  # activities in their past: three weeks, so that their interests are journeys
BATCH = 2_000
STORED_AT_ONCE = 1_000  # parts, as the users are made
SEED = 7


class Cost(NamedTuple):
    """What an event cost with so many users; times in seconds of processor time."""

    users: int
    events: int
    load: float
    apply: float
    dump: float
    store: float
    loaded: int
    state_bytes: int

    def microseconds(self) -> dict[str, float]:
        """Of each part an event, and of all."""
        parts = {part: getattr(self, part) for part in ("load", "apply", "dump", "store")}
        parts["all"] = sum(parts.values())
        return {part: round(seconds / self.events * 1e6, 2) for part, seconds in parts.items()}


class Users:
    """All users as bytes, and some of them decoded.

    Args:
        count: How many there are.
        cached: How many are kept decoded.
        titles: What they do.
        parts: Where the bytes lie.
    """

    def __init__(self, count: int, cached: int, titles: Titles, parts: Parts) -> None:
        self.engine = Engine()
        self._titles = titles
        self._count = count
        self._cached = cached
        self._decoded: dict[str, UserState] = {}
        self._parts = parts
        self._writes = self.state_bytes = 0
        copies = self._copies()
        while some := list(islice(copies, STORED_AT_ONCE)):
            self._write(some)
            self.state_bytes += sum(len(key) + len(value or b"") for key, value in some)

    def _copies(self) -> Iterator[Part]:
        grown = [self._grow(f"g{number:02d}") for number in range(GROWN)]
        for number in range(self._count):
            name = user_id(number).encode()
            for key, value in grown[number % GROWN]:
                # Copied, so that a million users are not twenty in the processor's cache.
                yield name + key[3:], bytes(bytearray(value))

    def _write(self, parts: list[Part]) -> None:
        self._writes += 1
        self._parts.write(parts, self._writes)

    def _grow(self, name: str) -> list[tuple[bytes, bytes]]:
        user = self.engine.new_user(name)
        acts = life(name, self._titles, STEP_MS, first=int(name[1:]) * PAST)
        for number, (activity, row) in enumerate(islice(acts, PAST)):  # all in the same weeks
            moment = START_MS + number * STEP_MS
            activity = msgspec.structs.replace(activity, occurred_at=moment)
            self.engine.activity(user, activity, self._titles.vectors[row])
        return [(key, value) for key, value in snapshot.dump(user) if value is not None]

    def run(self, events: int) -> Cost:
        """Apply events of users at random, a batch at a time."""
        chance, titles = random.Random(SEED), self._titles
        load = apply = dump = store = 0.0
        loaded = 0
        for start in range(0, events, BATCH):
            ids = [user_id(chance.randrange(self._count)) for _ in range(BATCH)]
            rows = [chance.randrange(len(titles.titles)) for _ in ids]
            moment = START_MS + (PAST + start // BATCH) * STEP_MS
            acts = [
                Activity(f"n{start + at}", name, f"i{row}", titles.titles[row], moment)
                for at, (name, row) in enumerate(zip(ids, rows, strict=True))
            ]
            began = time.process_time()
            missing = [name for name in dict.fromkeys(ids) if name not in self._decoded]
            for name in missing:
                self._decoded[name] = snapshot.load(self.engine, name, self._parts.get)
            ready = time.process_time()
            for activity, row in zip(acts, rows, strict=True):
                self.engine.activity(self._decoded[activity.user_id], activity, titles.vectors[row])
            applied = time.process_time()
            changed: list[Part] = []
            for name in dict.fromkeys(ids):
                user = self._decoded.pop(name)
                self._decoded[name] = user  # to the end: used most recently
                changed += snapshot.dump(user)
            dumped = time.process_time()
            self._write(changed)
            store += time.process_time() - dumped
            for name in list(self._decoded)[: max(0, len(self._decoded) - self._cached)]:
                del self._decoded[name]
            load += ready - began
            apply += applied - ready
            dump += dumped - applied
            loaded += len(missing)
        return Cost(self._count, events, load, apply, dump, store, loaded, self.state_bytes)


def user_id(number: int) -> str:
    """Of the user of that number."""
    return f"u{number:07d}"
