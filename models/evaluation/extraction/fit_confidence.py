"""Fit the coefficients of `confidence` (models/engine/views.py): how often it is right.

Fitted on journeys of the even half (read and invented people) at the moment of their promotion,
judged on the odd half and on small collections, which nobody chose anything on. Run it again when
the clustering changes. From the project's root:

    python -m models.evaluation.extraction.fit_confidence FOLDER
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from models.datasets.people import LEAST_TO_SPLIT, Collection, Half
from models.encoders.encoder import Encoder
from models.engine.engine import EngineParams, UserState
from models.evaluation.extraction import engine
from models.evaluation.extraction import experiment as extraction
from models.evaluation.extraction.calibration import calibrate, fit_logistic, logistic, outcomes
from models.records import JourneyView
from models.vectors import Doubles

PARAMS: Final = EngineParams()


def windows(_user: UserState, journey: JourneyView) -> float:
    """Share of the last windows with activity."""
    return len(journey.windows) / PARAMS.history_windows


def evidence(_user: UserState, journey: JourneyView) -> float:
    """Doublings of the activities that a journey needs."""
    return math.log2(1 + journey.activities / PARAMS.promote_activities)


def cohesion(user: UserState, journey: JourneyView) -> float:
    """Mean cosine of its activities to its mean."""
    return next(
        cluster.cohesion
        for cluster in user.clusters
        if user.cluster_id(cluster.number) == journey.cluster_id
    )


def share(user: UserState, journey: JourneyView) -> float:
    """Halvings from all that is known of the user's activities down to its own; 0 or less."""
    return math.log2(journey.activities / sum(cluster.count for cluster in user.clusters))


FEATURES: Final = {"windows": windows, "evidence": evidence, "cohesion": cohesion, "share": share}
SETS: Final = (("windows", "evidence", "cohesion"), ("windows", "evidence", "cohesion", "share"))

Samples = tuple[Doubles, Doubles, Doubles]


def samples(collection: Collection) -> Samples:
    """Features, told confidence and rightness of each journey the engine finds, a row each."""
    columns = []
    for sure in (*FEATURES.values(), engine.told):
        found = [engine.run(person, PARAMS, sure) for person in collection.people]
        judged = outcomes(collection.people, found, PARAMS)
        columns.append([value for value, _ in judged])
    right = np.array([hit for _, hit in judged], np.float64)
    return np.array(columns[:-1]).T, np.array(columns[-1]), right


def main(data: Path) -> None:
    """Fit and judge, and print both."""
    encoder = Encoder.open("default")

    def of_half(half: Half) -> Iterator[tuple[Collection, Samples]]:
        for name in extraction.available(data):
            for reading, collection in extraction.collections(
                data, name, half, extraction.FULL, encoder.encode
            ):
                if reading == "people":
                    yield collection, samples(collection)

    fitted = [
        its for collection, its in of_half("even") if len(collection.people) >= LEAST_TO_SPLIT
    ]
    features = np.concatenate([its[0] for its in fitted])
    right = np.concatenate([its[2] for its in fitted])
    judged = {collection.name: its for collection, its in of_half("odd")}
    judged["all of these"] = (
        np.concatenate([its[0] for its in judged.values()]),
        np.concatenate([its[1] for its in judged.values()]),
        np.concatenate([its[2] for its in judged.values()]),
    )
    print(f"fitted on {len(right)} journeys, {right.mean():.3f} of them right; ECE and Brier on")
    for name, (_, told, hits) in judged.items():
        print(f"  {name}, as told now: {_error(told, hits)}")
    for names in SETS:
        columns = [list(FEATURES).index(name) for name in names]
        weights = fit_logistic(features[:, columns], right)
        print(
            ", ".join(
                f"{name} {weight:.2f}"
                for name, weight in zip([*names, "constant"], weights, strict=True)
            )
        )
        for name, (rows, _, hits) in judged.items():
            design = np.column_stack([rows[:, columns], np.ones(len(rows))])
            print(f"  {name}: {_error(logistic(design, weights), hits)}")


def _error(confidence: Doubles, right: Doubles) -> str:
    its = calibrate([(float(sure), bool(hit)) for sure, hit in zip(confidence, right, strict=True)])
    return f"{its.error:.3f} {its.brier:.4f} of {its.count}" if its else "no journeys"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
