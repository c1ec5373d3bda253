"""Clusterers on the same vectors: ours in the engine, ours as a River estimator, and River's own.

River's get thresholds that suit the vectors, and so slow a fading that no cluster is lost. They
are timed learning only, and learning and telling the cluster of each event, as the engine does.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

from river import base, cluster

from load_tests.synthetic import Titles, life, step_ms
from models.engine.engine import Engine
from models.engine.params import EngineParams
from models.engine.river_estimator import JourneyClusterer
from models.engine.users import UserState

SEEDED = 4  # activities per cluster before the clock starts
CHECKED = 16  # events between two looks at the clock


class Speed(NamedTuple):
    """How fast one clusterer was; `clusters` it held at the end, None where it does not say."""

    name: str
    events: int
    seconds: float
    clusters: int | None

    @property
    def rate(self) -> float:
        """Events per second of processor time."""
        return self.events / self.seconds


def engine(titles: Titles, clusters: int, limit: float) -> tuple[Speed, UserState]:
    """The whole engine (clusters, windows, terms, exemplars, journeys) on one user's life."""
    runner = Engine(EngineParams(max_clusters=2 * clusters))
    user = runner.new_user("u")
    acts = life("u", titles, step_ms(clusters))

    def step() -> None:
        activity, row = next(acts)
        runner.activity(user, activity, titles.vectors[row])

    events, seconds = _timed(step, clusters, limit)
    return Speed("engine", events, seconds, len(user.clusters)), user


def river(titles: Titles, clusters: int, limit: float) -> Iterator[Speed]:
    """River's clusterers, and ours behind the same interface."""
    rows: list[dict[Hashable, float]] = [
        dict(enumerate(map(float, vector))) for vector in titles.vectors[: 20 * clusters]
    ]
    estimators: dict[str, base.Clusterer] = {
        "ours, River API": JourneyClusterer(),
        "River DBSTREAM": cluster.DBSTREAM(
            clustering_threshold=1.0, fading_factor=1e-5, cleanup_interval=1_000
        ),
        "River TextClust": cluster.TextClust(  # type: ignore[no-untyped-call]
            radius=0.5,
            fading_factor=1e-5,
            tgap=1_000,
            real_time_fading=False,
            term_fading=False,
            auto_merge=False,
        ),
    }
    for name, estimator in estimators.items():
        for predicts in (False, True):
            learner, step = _steps(estimator, rows, predicts=predicts)
            events, seconds = _timed(step, clusters, limit)
            yield Speed(f"{name} + predict" if predicts else name, events, seconds, _held(learner))


def _steps(
    estimator: base.Clusterer, rows: Sequence[dict[Hashable, float]], *, predicts: bool
) -> tuple[base.Clusterer, Callable[[], None]]:
    """A fresh clusterer and what it does per event; predicts: it also says which cluster it is."""
    fresh, turns = estimator.clone(), cycle(rows)

    def step() -> None:
        row = next(turns)
        fresh.learn_one(row)
        if predicts:
            fresh.predict_one(row)

    return fresh, step


def _timed(step: Callable[[], None], clusters: int, limit: float) -> tuple[int, float]:
    for _ in range(SEEDED * clusters):
        step()
    events, start = 0, time.process_time()
    while (seconds := time.process_time() - start) < limit:
        for _ in range(CHECKED):
            step()
        events += CHECKED
    return events, seconds


def _held(estimator: base.Clusterer) -> int | None:
    for name in ("micro_clusters", "_micro_clusters"):
        if isinstance(held := getattr(estimator, name, None), dict):
            return len(held)
    return None
