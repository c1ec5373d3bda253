"""What a user takes in memory: stored only (cold), and decoded (hot)."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable

from load_tests.many_users import user_id
from models.engine.engine import Engine
from streams.state.binding import UNRECORDED
from streams.state.partition import Partition
from streams.state.store import Parts

DECODED = 2_000  # users at most; tracing makes everything slow


def per_user(parts: Parts, count: int) -> dict[str, float]:
    """Bytes of memory a user, as Python traces them; RocksDB's own are bounded and not in it.

    Args:
        parts: A store with the users of `many_users`.
        count: How many they are.
    """
    decoded = min(count, DECODED)
    partition = Partition(0, parts, Engine(), 1, UNRECORDED)

    def decode() -> None:
        for number in range(decoded):
            partition.user(user_id(number))

    tracemalloc.start()
    try:
        cold = _taken(lambda: asyncio.run(partition.index()))
        hot = _taken(decode)
    finally:
        tracemalloc.stop()
    return {"cold": round(cold / count, 1), "hot": round(hot / decoded)}


def _taken(fill: Callable[[], None]) -> int:
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    fill()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before
