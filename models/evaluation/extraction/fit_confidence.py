"""Fit the coefficients of `models/engine/confidence.py`: how often a journey is right.

Fitted on journeys of the even half (read and invented people) at the moment of their promotion,
judged on the odd half and on small collections, which nobody chose anything on. Run it again when
the clustering changes. From the project's root, with the folder of the evaluation data:

    python -m models.evaluation.extraction.fit_confidence --data DATA --encoder best
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from models.datasets.people import LEAST_TO_SPLIT, Collection, Half
from models.encoders.encoder import Encoder
from models.engine.confidence import Features, features
from models.engine.params import EngineParams
from models.engine.users import UserState
from models.evaluation.extraction import engine, experiment
from models.evaluation.extraction.calibration import calibrate, fit_logistic, logistic, outcomes
from models.evaluation.extraction.fitting import command, print_weights
from models.records import JourneyView
from models.vectors import Doubles

FEATURES: Final = Features._fields
SETS: Final = (("windows", "evidence", "cohesion"), FEATURES)


class Samples(NamedTuple):
    """Journeys at their promotion, a row each.

    Attributes:
        features: Shape (n, features).
        published: The confidence that the engine publishes, shape (n,).
        right: 1.0 where the journey was right, else 0.0, shape (n,).
    """

    features: Doubles
    published: Doubles
    right: Doubles


def feature(name: str, params: EngineParams) -> engine.ConfidenceOf:
    """One of the features of the confidence, taken for the confidence itself."""

    def value(user: UserState, journey: JourneyView) -> float:
        cluster = next(
            cluster
            for cluster in user.clusters
            if user.cluster_id(cluster.number) == journey.cluster_id
        )
        return float(getattr(features(user, cluster, params), name))

    return value


def samples(collection: Collection, params: EngineParams) -> Samples:
    """Features, published confidence and rightness of each journey that the engine finds."""
    columns = []
    wanted = [feature(name, params) for name in FEATURES]
    for confidence_of in (*wanted, engine.published_confidence):
        findings = [engine.run(person, params, confidence_of) for person in collection.people]
        judged = outcomes(collection.people, findings, params)
        columns.append([value for value, _ in judged])
    right = np.array([hit for _, hit in judged], np.float64)
    return Samples(np.array(columns[:-1]).T, np.array(columns[-1]), right)


def fit(data: Path, spec: str) -> None:
    """Fit and judge, and print both.

    Args:
        data: The folder of all data.
        spec: Of the encoder, whose scale the engine gets.

    Raises:
        JourneysError: The data or the encoder is missing or broken.
    """
    encoder = Encoder.open(spec)
    params = EngineParams(scale=encoder.scale)

    def of_half(half: Half) -> Iterator[tuple[Collection, Samples]]:
        for name in experiment.available(data):
            for reading, collection in experiment.collections(
                data, name, half, experiment.FULL, encoder.encode
            ):
                if reading == "people":
                    yield collection, samples(collection, params)

    fitted = _joined(
        [rows for collection, rows in of_half("even") if len(collection.people) >= LEAST_TO_SPLIT]
    )
    judged = {collection.name: rows for collection, rows in of_half("odd")}
    judged["all of these"] = _joined(list(judged.values()))
    print(
        f"fitted on {len(fitted.right)} journeys, {fitted.right.mean():.3f} of them right; "
        "ECE and Brier on"
    )
    for name, rows in judged.items():
        print(f"  {name}, as published now: {_error(rows.published, rows.right)}")
    for names in SETS:
        columns = [FEATURES.index(name) for name in names]
        weights = fit_logistic(fitted.features[:, columns], fitted.right)
        print_weights(names, weights)
        for name, rows in judged.items():
            design = np.column_stack([rows.features[:, columns], np.ones(len(rows.right))])
            print(f"  {name}: {_error(logistic(design, weights), rows.right)}")


def _joined(parts: list[Samples]) -> Samples:
    return Samples(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _error(confidence: Doubles, right: Doubles) -> str:
    calibration = calibrate(
        [(float(value), bool(hit)) for value, hit in zip(confidence, right, strict=True)]
    )
    if calibration is None:
        return "no journeys"
    return f"{calibration.error:.3f} {calibration.brier:.4f} of {calibration.count}"


if __name__ == "__main__":
    command("Fit the coefficients of the confidence.", fit)
