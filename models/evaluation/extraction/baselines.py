"""What the engine is compared with, on the same vectors: one-pass, batch, and global.

Every function gives each activity a cluster; `choice` is its threshold, radius or number of
clusters. The evaluation gives each baseline the choice that is best on the very people it is judged
on, which no method in use could know.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils.extmath import randomized_svd

from models.datasets.people import Person
from models.vectors import Vectors

SEED: Final = 0
FACTORS: Final = 64  # of the co-occurrence matrix
SHARED: Final = 1.05  # people to an item from which on co-occurrence says anything


def leader(person: Person, threshold: float) -> list[int]:
    """One pass: the nearest centroid by cosine if it is near enough, else a new cluster."""
    vectors = person.vectors
    sums, norms = np.zeros_like(vectors), np.ones(len(vectors), np.float32)
    clusters: list[int] = []
    size = 0
    for vector in vectors:
        cosines = sums[:size] @ vector / norms[:size]
        nearest = int(cosines.argmax()) if size else 0
        if not size or cosines[nearest] < threshold:
            nearest = size
            size += 1
        sums[nearest] += vector
        norms[nearest] = max(float(np.linalg.norm(sums[nearest])), 1e-6)
        clusters.append(nearest)
    return clusters


def average_link(person: Person, threshold: float) -> list[int]:
    """Batch: agglomerative by mean cosine distance, cut at a distance."""
    return _agglomerative(person.vectors, "average", threshold)


def ward(person: Person, threshold: float) -> list[int]:
    """Batch: agglomerative by Ward's criterion, cut at a height: PinnerSage's clustering."""
    return _agglomerative(person.vectors, "ward", threshold)


def content_clusters(people: Sequence[Person], number: float) -> list[list[int]]:
    """Global, not personalised: one k-means over everybody's vectors."""
    return _split(people, _k_means(np.concatenate([person.vectors for person in people]), number))


def cooccurrence_clusters(people: Sequence[Person], number: float) -> list[list[int]]:
    """Global, not personalised: k-means over factors of which items the same people had.

    The paper's other baseline. The factors of items × items are those of items × people, which is
    smaller.
    """
    ids = [activity.item_id for person in people for activity in person.activities]
    row = {item_id: i for i, item_id in enumerate(dict.fromkeys(ids))}
    rows = [row[item_id] for item_id in ids]
    columns = np.repeat(np.arange(len(people)), [len(person.activities) for person in people])
    matrix = csr_matrix((np.ones(len(ids)), (rows, columns)), (len(row), len(people)))
    factors = min(FACTORS, len(people) - 1)
    items, weights, _ = randomized_svd(matrix, factors, random_state=SEED)
    of_item = _k_means(_unit((items * weights).astype(np.float32)), number)
    return _split(people, [of_item[i] for i in rows])


def items_are_shared(people: Sequence[Person]) -> bool:
    """Whether people have items in common, so that co-occurrence says anything."""
    items = [{activity.item_id for activity in person.activities} for person in people]
    return len(people) > 2 and sum(map(len, items)) > SHARED * len(set().union(*items))


def true_centroids(person: Person, _choice: float = 0.0) -> list[int]:
    """A ceiling: each activity to the nearest centroid of the true labels of the others."""
    labels = list(dict.fromkeys(person.labels))
    own = np.array([labels.index(label) for label in person.labels])
    sums = np.zeros((len(labels), person.vectors.shape[1]), np.float32)
    np.add.at(sums, own, person.vectors)
    cosines = person.vectors @ _unit(sums).T
    places = np.arange(len(own))
    others = _unit(sums[own] - person.vectors)
    alone = np.bincount(own)[own] == 1
    cosines[places, own] = np.where(alone, -1.0, (others * person.vectors).sum(1))
    return [int(nearest) for nearest in cosines.argmax(1)]


def _agglomerative(vectors: Vectors, method: str, threshold: float) -> list[int]:
    if len(vectors) < 2:
        return [0] * len(vectors)
    metric = "cosine" if method == "average" else "euclidean"
    tree = linkage(vectors.astype(np.float64), method, metric)
    return [int(number) for number in fcluster(np.maximum(tree, 0.0), threshold, "distance")]


def _k_means(vectors: Vectors, number: float) -> list[int]:
    clusters = min(int(number), len(vectors))
    model = MiniBatchKMeans(clusters, random_state=SEED, n_init=3, batch_size=2048)
    return [int(cluster) for cluster in model.fit_predict(vectors)]


def _split(people: Sequence[Person], clusters: Sequence[int]) -> list[list[int]]:
    """One long row of clusters, cut into the people's."""
    ends = np.cumsum([len(person.activities) for person in people])
    return [
        list(clusters[end - len(person.activities) : end])
        for person, end in zip(people, ends, strict=True)
    ]


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit
