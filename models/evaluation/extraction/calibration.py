"""Whether a journey's confidence means what it says: of those at 0.8, 8 in 10 should be right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.datasets.people import Person
from models.engine.params import EngineParams
from models.evaluation.extraction.judge import Found, match
from models.vectors import Doubles

BINS: Final = 10
RIDGE: Final = 1.0  # pull of the coefficients towards 0, as if by one doubtful sample each
STEPS: Final = 50

Outcomes = list[tuple[float, bool]]  # (confidence at promotion, whether the journey was right)


@dataclass(frozen=True)
class Bin:
    """The journeys whose confidence lay in one tenth of the scale."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """Reliability of a confidence.

    Attributes:
        count: Journeys judged.
        right: Share of them that are right.
        confidence: What the confidence said of that, on average.
        error: Expected calibration error: mean gap of confidence and share, weighted by count.
        brier: Mean squared gap of each journey's confidence and what it turned out to be.
        bins: The non-empty bins.
    """

    count: int
    right: float
    confidence: float
    error: float
    brier: float
    bins: list[Bin]


def outcomes(people: Sequence[Person], findings: Sequence[Found], params: EngineParams) -> Outcomes:
    """Each found journey's confidence when it was promoted, and whether it was right."""
    judged: Outcomes = []
    for person, found in zip(people, findings, strict=True):
        matched = match(person, found, params)
        judged += [(value, cluster in matched) for cluster, value in found.confidence.items()]
    return judged


def calibrate(judged: Outcomes) -> Calibration | None:
    """Reliability in ten bins of equal width; None when there is nothing to judge."""
    if not judged:
        return None
    confidence = np.array([value for value, _ in judged])
    right = np.array([hit for _, hit in judged], np.float64)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = [
        Bin(
            i / BINS,
            (i + 1) / BINS,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for i in range(BINS)
        if (inside := place == i).any()
    ]
    error = sum(each.count * abs(each.confidence - each.right) for each in bins) / len(judged)
    return Calibration(
        len(judged),
        float(right.mean()),
        float(confidence.mean()),
        error,
        float(((confidence - right) ** 2).mean()),
        bins,
    )


def fit_logistic(features: Doubles, right: Doubles) -> Doubles:
    """Coefficients of the logistic model that makes the outcomes likeliest, ridge-regularised.

    Args:
        features: Shape (samples, features).
        right: 1.0 or 0.0, shape (samples,).

    Returns:
        One coefficient per feature, then the constant, which is not pulled towards 0.
    """
    design = np.column_stack([features, np.ones(len(features))])
    pull = np.diag([RIDGE] * features.shape[1] + [1e-9])
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):  # Newton's method; it converges in ten
        chance = logistic(design, weights)
        slope = design.T @ (chance - right) + pull @ weights
        curve = design.T @ (design * (chance * (1 - chance))[:, None]) + pull
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def logistic(design: Doubles, weights: Doubles) -> Doubles:
    """Chance of being right, for rows of features with a 1 at the end."""
    chance: Doubles = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30.0, 30.0)))
    return chance
