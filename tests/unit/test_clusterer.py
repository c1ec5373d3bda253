"""The clusterer is a River estimator, by River's own checks, and its labels are stable."""

import doctest

import models.clusterer
import numpy as np
import pytest
from models.clusterer import NO_CLUSTER, Centroids, JourneyClusterer
from river import checks

CHECKS = list(checks.yield_checks(JourneyClusterer()))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_river_checks(check: object) -> None:
    check(JourneyClusterer())  # type: ignore[operator]


def test_river_has_checks_for_it() -> None:
    assert len(CHECKS) > 5


def test_its_examples_are_true() -> None:
    assert doctest.testmod(models.clusterer).failed == 0


def test_a_label_is_never_given_twice() -> None:
    clusterer = JourneyClusterer(threshold=0.9, max_clusters=3)
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


def test_centroids_are_what_half_precision_can_hold() -> None:
    centroids = Centroids(8)
    random = np.random.default_rng(0)
    for _ in range(20):
        centroids.append(random.standard_normal(8).astype(np.float32))
        centroids.pull(0, random.standard_normal(8).astype(np.float32), 0.3)
    rows = np.stack([centroids[row] for row in range(centroids.size)])
    assert np.array_equal(rows, rows.astype(np.float16).astype(np.float32))
    centroids.remove(3)
    assert centroids.size == 19
    assert np.array_equal(centroids[3], rows[4])
