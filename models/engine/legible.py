"""Whether a journey is of titles that the encoder misread: a mixture then, and no interest.

A title in a language that the encoder does not know gets a vector of its own
(`models/encoders/reading.py`). Some short ones pass for one that it does know, and of many those
may become a journey. One title alone says too little of its language; the few that stand for the
journey say it together. Of 702 times seven titles of an English journey none was likelier in
another language.
"""

from typing import Final

import numpy as np

from models.engine.params import EngineParams
from models.engine.users import Cluster, UserState
from models.text.identify import foreign_by

FOREIGN: Final = 2.0  # nats by which another language is likelier
# Of somebody's clusters that are not read. With fewer, no language is asked for: it takes longer
# than all the rest of a confidence.
UNREAD: Final = 0.05
_EQUAL: Final = 0.98  # parts of a mean that was one number, after it was put on the grid


def is_misread(user: UserState, cluster: Cluster, params: EngineParams) -> bool:
    """Whether the titles that stand for a cluster are in a language that the encoder does not know.

    False where it does not say which it knows, and of somebody whose titles it can read.
    """
    if not params.languages or _unread(user) < UNREAD * len(user.clusters):
        return False
    titles = " ".join(item.title for item in cluster.exemplars)
    return foreign_by(titles, params.languages) > FOREIGN


def _unread(user: UserState) -> int:
    """How many of a user's clusters are of one title that was not read.

    The parts of such a vector differ in their signs only (`reading.is_from_characters`).
    """
    means = np.abs(user.numbers.levels)
    low, high = np.minimum(means[:, 0], means[:, 1]), np.maximum(means[:, 0], means[:, 1])
    means = means[low >= _EQUAL * high]  # most are none by their first two parts
    return int((means.min(axis=1) >= _EQUAL * means.max(axis=1)).sum())
