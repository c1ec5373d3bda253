"""A user's clusters in another encoder's space: their means re-made of kept items.

Numbers, ids, histories and names stay. A mean is that of up to seven titles then, those that stood
for the cluster best, so it is a little surer of itself than the one that it replaces.
"""

from collections.abc import Callable, Sequence

import numpy as np

from models.engine.clusters import Clusters
from models.engine.compact import sketched
from models.engine.users import UserState
from models.vectors import Vector

Encode = Callable[[Sequence[str]], Sequence[Vector | None]]


def remake(user: UserState, encode: Encode, dimensions: int) -> int:
    """Put a user's clusters into another space.

    Args:
        user: Changed in place.
        encode: Unit vectors of titles; None for one that the encoder cannot read.
        dimensions: Of its vectors.

    Returns:
        How many clusters have no title that can be read. Their mean is zero: nothing joins them any
        more, and they go as time passes.
    """
    before, numbers = user.numbers, Clusters(dimensions)
    titles = [[item.title for item in cluster.exemplars] for cluster in user.clusters]
    vectors = iter(encode([title for some in titles for title in some]))
    empty = 0
    for row, (cluster, some) in enumerate(zip(user.clusters, titles, strict=True)):
        read = [vector for vector in (next(vectors) for _ in some) if vector is not None]
        mean: Vector = np.zeros(dimensions, np.float32)
        if read:
            mean = np.mean(read, axis=0, dtype=np.float32)
        else:
            empty += 1
        mass, weight = float(before.mass[row]), float(before.weight[row])
        numbers.append(mean, mass, float(before.touched[row]), weight)
        if read:
            unit = numbers.direction(row)
            cluster.cohesion = float(np.mean([vector @ unit for vector in read]))
        if cluster.journey is not None:
            numbers.promote(row)
            cluster.journey.anchor = sketched(numbers.mean(row))
        user.dirty.add(cluster.number)
    user.numbers = numbers
    return empty
