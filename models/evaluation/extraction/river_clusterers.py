"""River's stream clusterers over one person.

They renumber their clusters as they go, so none gives an activity a cluster for good. Each learns
the whole stream first and then says where each activity lies: kinder to them than one pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from river import cluster, feature_extraction

from models.datasets.people import Person
from models.vectors import Vectors


def dbstream(person: Person, radius: float) -> list[int]:
    """DBSTREAM (Hahsler and Bolaños 2016) with micro-clusters of a radius.

    Its fading is per example and made for millions; here a person's few hundred all count.
    """
    model = cluster.DBSTREAM(
        clustering_threshold=radius,
        fading_factor=1e-4,
        cleanup_interval=100,
        intersection_factor=0.3,
        minimum_weight=1.0,
    )
    return _learn_then_predict(model, _features(person.vectors))


def denstream(person: Person, epsilon: float) -> list[int]:
    """DenStream (Cao et al. 2006), begun by DBSCAN of radius `epsilon` on the first third.

    In many dimensions its radius comes out as 0 (the norm of the squares' sum is far below the
    centre's), so later activities join what is nearest, however far: the first third decides.
    """
    first = max(1, len(person.activities) // 3)
    model: Any = cluster.DenStream(
        decaying_factor=1e-3, beta=0.75, mu=2, epsilon=epsilon, n_samples_init=first, stream_speed=1
    )
    for x in _features(person.vectors):
        model.learn_one(x)
    model.predict_one(next(iter(_features(person.vectors[:1]))))  # makes the clusters, once
    centres = [
        [centre[i] for i in range(person.vectors.shape[1])] for centre in model.centers.values()
    ]
    if not centres:
        return [0] * len(person.activities)
    gaps = np.linalg.norm(person.vectors[:, None] - np.array(centres, np.float32)[None], axis=2)
    return [int(nearest) for nearest in gaps.argmin(1)]


def textclust(person: Person, radius: float) -> list[int]:
    """TextClust (Assenmacher and Trautmann 2022), which reads titles and texts, and no vectors.

    Micro-clusters are taken as they are: its macro-clusters want their number beforehand.
    """
    make: Any = cluster.TextClust
    model = make(radius=radius, fading_factor=1e-4, tgap=100, real_time_fading=False)
    words: Any = feature_extraction.BagOfWords(lowercase=True, ngram_range=(1, 2))
    return _learn_then_predict(
        model, [words.transform_one(activity.content) for activity in person.activities]
    )


def _features(vectors: Vectors) -> list[dict[int, float]]:
    return [dict(enumerate(vector.tolist())) for vector in vectors]


def _learn_then_predict(model: Any, examples: Sequence[dict[Any, Any]]) -> list[int]:
    for x in examples:
        model.learn_one(x)
    predict: Callable[[dict[Any, Any]], int | None] = model.predict_one
    return [-1 if (number := predict(x)) is None else int(number) for x in examples]
