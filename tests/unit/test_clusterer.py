"""The clusterer is a River estimator, by River's own checks, and its labels are stable."""

import doctest

import numpy as np
import pytest
from numba.core.caching import CacheImpl
from river import checks

import models.engine.clusters
from models.engine.arithmetic import compiled
from models.engine.clusters import Clusters
from models.engine.compact import packed, unpacked
from models.engine.params import EngineParams
from models.engine.river_estimator import NO_CLUSTER, JourneyClusterer
from models.vectors import Vector

NOBODY = (-1, 0.0, 1.0)
CHECKS = list(checks.yield_checks(JourneyClusterer()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_river_checks(check: object) -> None:
    check(JourneyClusterer())  # type: ignore[operator]


def test_river_has_checks_for_it() -> None:
    assert len(CHECKS) > 5


def test_its_examples_are_true() -> None:
    assert doctest.testmod(models.engine.clusters).failed == 0


def test_a_label_is_never_given_twice() -> None:
    clusterer = JourneyClusterer(EngineParams(max_clusters=3))
    assert clusterer.predict_one({"a": 1.0}) == NO_CLUSTER
    seen = []
    for feature in "abcdefgh":
        clusterer.learn_one({feature: 1.0})
        seen.append(clusterer.predict_one({feature: 1.0}))
    assert seen == list(range(1, 9))


def test_features_that_are_not_finite_do_not_spoil_it() -> None:
    clusterer = JourneyClusterer()
    clusterer.learn_one({"a": float("nan")})
    clusterer.learn_one({"a": 1.0})
    assert clusterer.predict_one({"a": 1.0}) > 0


def unit(random: np.random.Generator, dimensions: int) -> Vector:
    vector = random.standard_normal(dimensions).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def copied(clusters: Clusters) -> Clusters:
    """Through the bytes that are stored of its means."""
    again = Clusters(clusters.dimensions)
    rows = range(clusters.size)
    raws = [packed(clusters.levels[row], clusters.step(row)) for row in rows]
    assert all(len(raw) == 1 + clusters.dimensions for raw in raws)
    if raws:
        numbers = (clusters.mass, clusters.touched, clusters.weight)
        again.restore(*unpacked(raws), *(column[: clusters.size] for column in numbers))
    return again


def lived(clusters: Clusters, random: np.random.Generator, steps: range) -> list[object]:
    """What clusters answer while activities come, twins merge and rows go."""
    params = EngineParams()
    told: list[object] = []
    for moment in steps:
        vector = unit(random, clusters.dimensions)
        row, score, cosine = clusters.take(params, vector, moment, 1.0) if clusters.size else NOBODY
        told.append((row, score, cosine))
        if score <= 0.0:
            clusters.append(vector, 1.0, moment, 0.5)
        if moment % 5 == 0 and clusters.size > 2:
            twin, score = clusters.most_alike(params, 1)
            told.append((twin, score))
            clusters.absorb(1, twin, params.half_life_ms)
            clusters.remove(twin)
        told.append(clusters.standing(0, 1e9))
    return told


def test_who_goes_on_from_what_is_stored_goes_on_as_if_nothing_had_been() -> None:
    clusters = Clusters(16)
    lived(clusters, np.random.default_rng(0), range(40))
    again = copied(clusters)
    assert np.array_equal(again.levels, clusters.levels)
    ours, theirs = (
        lived(each, np.random.default_rng(1), range(40, 80)) for each in (clusters, again)
    )
    assert ours == theirs


def test_a_row_that_goes_takes_nothing_of_the_others_along() -> None:
    random = np.random.default_rng(0)
    clusters = Clusters(8)
    for moment in range(20):
        clusters.append(unit(random, 8), 1.0, moment)
    behind = clusters.levels[4].copy()
    clusters.remove(3)
    assert clusters.size == 19
    assert np.array_equal(clusters.levels[3], behind)
    assert clusters.touched[3] == 4
    for vector in (unit(random, 8) for _ in range(20)):
        assert copied(clusters).nearest(EngineParams(), vector, 30) == clusters.nearest(
            EngineParams(), vector, 30
        )


@pytest.mark.parametrize("sign", [1, -1])
def test_parts_at_the_end_of_the_grid_are_stored_as_they_are(sign: int) -> None:
    random = np.random.default_rng(1)
    for turn in range(500):
        largest = sign * random.uniform(0.992, 0.9999)
        mean = random.uniform(-abs(largest), abs(largest), 8).astype(np.float32)
        mean[3] = largest
        clusters = Clusters(8)
        clusters.append(mean, 1.0 + turn, 0)
        assert np.array_equal(copied(clusters).mean(0), clusters.mean(0))


def test_a_large_cluster_still_follows_its_activities() -> None:
    params = EngineParams(half_life_ms=10**12)
    clusters = Clusters(64)
    old, new = np.eye(64, dtype=np.float32)[:2]
    clusters.append(old, 500.0, 0)
    for moment in range(500):
        one = Clusters(64)
        one.append(new, 1.0, moment)
        clusters.restore(one.levels, one.steps, [1.0], [moment], [1.0])
        clusters.absorb(0, 1, params.half_life_ms)
        clusters.remove(1)
    assert clusters.mean(0)[:2] == pytest.approx([0.5, 0.5], abs=0.03)
    assert abs(clusters.mean(0)[2:]).max() < 0.03


def known(tightness: float) -> Clusters:
    """Five interests at right angles whose activities have that mean cosine to one another."""
    clusters = Clusters(16)
    for row in range(5):
        clusters.append(np.eye(16, dtype=np.float32)[row] * tightness**0.5, 100.0, 0)
    return clusters


def test_someone_of_tight_interests_has_more_of_them() -> None:
    near = np.zeros(16, np.float32)
    near[[0, 15]] = 0.4, 0.84**0.5
    for tightness, belongs in ((0.25, True), (0.75, False)):
        _, score, cosine = known(tightness).nearest(EngineParams(), near, 0)
        assert (score > 0.0) == belongs
        assert cosine == pytest.approx(0.4, abs=0.01)


def test_the_more_interests_have_grown_the_more_alike_what_joins_them_must_be() -> None:
    def score(grown: int) -> float:
        clusters = Clusters(64)
        for row in range(60):
            clusters.append(np.eye(64, dtype=np.float32)[row] * 0.5, 4.0 if row < grown else 2.0, 0)
        vector = np.zeros(64, np.float32)
        vector[[0, 63]] = 0.5, 0.75**0.5
        return clusters.nearest(EngineParams(), vector, 0)[1]

    assert score(50) < score(20) < score(8)


def test_where_nothing_can_be_written_it_is_compiled_for_this_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def double(number: float) -> float:
        return 2.0 * number

    monkeypatch.setattr(CacheImpl, "_locator_classes", [])  # a read-only root, and no home
    assert compiled(double)(3.0) == 6.0
