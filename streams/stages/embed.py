"""Embed: the vector of each activity's item, from the cache, the producer, or the encoder."""

import asyncio
from collections.abc import Callable, Sequence

from models.encoders.cache import VectorCache
from models.encoders.encoder import check_vector
from models.errors import Rejected
from models.records import Activity
from models.vectors import Vector


async def embed(
    activities: Sequence[Activity], cache: VectorCache, size: int, goes_on: Callable[[], bool]
) -> list[Vector | Rejected] | None:
    """Unit vectors of activities, or why there is none.

    Misses are encoded in a thread, `size` at a time, so that the event loop lives and a rebalance
    need not wait for a whole batch of new titles. What was encoded stays in the cache.

    Args:
        activities: In any order.
        cache: With its encoder.
        size: Titles encoded at once.
        goes_on: Asked between encodings; False ends it.

    Returns:
        One entry per activity; None when it was ended.

    Raises:
        ModelError: The encoder fails.
    """
    items = [(activity.item_id, activity.title) for activity in activities]
    vectors: list[Vector | Rejected | None] = list(cache.lookup(items))
    for place, activity in enumerate(activities):
        if activity.vector is not None:
            try:
                vectors[place] = check_vector(activity.vector, cache.encoder.dimensions)
            except Rejected as error:
                vectors[place] = error
    missing = [place for place, vector in enumerate(vectors) if vector is None]
    for start in range(0, len(missing), size):
        if not goes_on():
            return None
        places = missing[start : start + size]
        encoded = await asyncio.to_thread(cache.fill, [items[place] for place in places])
        for place, vector in zip(places, encoded, strict=True):
            vectors[place] = vector
    return [vector for vector in vectors if vector is not None]
