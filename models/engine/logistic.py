"""The logistic model behind the chances that are published with a journey."""

import math
from collections.abc import Iterable


def chance(features: Iterable[float], coefficients: Iterable[float], constant: float) -> float:
    """1 / (1 + exp(-(w · x + w0))), summed in the order of the features, so that it is exact.

    Args:
        features: x.
        coefficients: w, as many.
        constant: w0.
    """
    logit = 0.0
    for value, weight in zip(features, coefficients, strict=True):
        logit += weight * value
    return 1.0 / (1.0 + math.exp(-(logit + constant)))
