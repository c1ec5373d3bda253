"""How sure it is that a journey is one interest that persists.

A logistic model of four features x of the journey and its user:

    confidence = 1 / (1 + exp(-(w · x + w0)))

fitted on journeys at their promotion and checked on others; the evaluation plots its reliability
(`models/evaluation/extraction/fit_confidence.py` fits and checks it).
"""

import math
from typing import Final, NamedTuple

from models.engine.legible import is_misread
from models.engine.logistic import chance
from models.engine.params import EngineParams
from models.engine.users import Cluster, UserState


class Features(NamedTuple):
    """What the confidence depends on, and as the coefficients of the same names how far.

    Attributes:
        windows: Share of the last windows with activity, 0 to 1.
        evidence: log2(1 + activities / activities that a promotion needs): its doublings.
        cohesion: Mean cosine of its activities to its mean, -1 to 1.
        share: log2 of its share of all that is known of the user's activities: 0 or less.
    """

    windows: float
    evidence: float
    cohesion: float
    share: float


# As `fit_confidence` printed them on 2026-11-23, with encoder 1.0.0, from the even half of
# reddit_users and of invented people.
COEFFICIENTS: Final = Features(windows=0.09, evidence=0.54, cohesion=0.54, share=0.93)
CONSTANT: Final = 4.21

# 50 people of the even half of reddit_users, with as many activities in one of eight languages that
# `fast` does not read, or three times as many: all journeys of misread titles were wrong. So this
# says "hardly", and leaves the order among them.
MISREAD: Final = 0.2


def features(user: UserState, cluster: Cluster, params: EngineParams) -> Features:
    """The features of a cluster of the user, as it is now."""
    return Features(
        windows=len(cluster.windows) / params.history_windows,
        evidence=math.log2(1 + cluster.count / params.promote_activities),
        cohesion=cluster.cohesion,
        share=math.log2(cluster.count / sum(known.count for known in user.clusters)),
    )


def confidence(user: UserState, cluster: Cluster, params: EngineParams) -> float:
    """Chance that this journey is one interest that persists, 0 to 1, to three digits."""
    right = chance(features(user, cluster, params), COEFFICIENTS, CONSTANT)
    return round(right * (MISREAD if is_misread(user, cluster, params) else 1.0), 3)
