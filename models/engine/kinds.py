"""Whether a journey is evergreen or situational: whether it goes on, or came with a situation.

What goes on the year round is evergreen. A move, a wedding, a tax return, a season's sport come
with a situation, are dense while it lasts, and pass. A logistic model of four features x of the
journey's rhythm says how likely the first is:

    evergreen = 1 / (1 + exp(-(w · x + w0)))

What has just begun has not gone on yet: most journeys are situational until they have lasted.
Titles have no say: nothing that we have says of titles whether what they are about will pass.
`models/evaluation/extraction/fit_kinds.py` fits and checks it.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from models.engine.logistic import chance
from models.engine.params import DAY_MS
from models.records import JourneyKind, Stage, WindowCount

WEEK_MS: Final = 7 * DAY_MS
EVEN: Final = 0.5  # the chance from which a journey is called evergreen


class Rhythm(NamedTuple):
    """What the kind depends on, and as the coefficients of the same names how far.

    Attributes:
        span: log2(1 + weeks from its first activity to its latest).
        dormant: Whether it is silent now, 0 or 1.
        windows: Share of the last windows with activity, 0 to 1.
        burst: log2 of the activities of such a window: 0 or more.
    """

    span: float
    dormant: float
    windows: float
    burst: float


# As `fit_kinds` printed them on 2026-11-26, with encoder best 2.0.0, from the even half of
# reddit_users.
COEFFICIENTS: Final = Rhythm(span=1.2, dormant=-1.73, windows=-2.43, burst=-1.95)
CONSTANT: Final = -3.36


def rhythm_of(
    started_at: int,
    last_at: int,
    windows: Sequence[WindowCount],
    stage: Stage,
    history_windows: int,
) -> Rhythm:
    """The features of a journey.

    Args:
        started_at: When its first activity was, epoch ms.
        last_at: When its latest was.
        windows: Those of the kept ones that it was active in, one at least.
        stage: How it stands.
        history_windows: How many windows are kept.
    """
    return Rhythm(
        span=math.log2(1 + (last_at - started_at) / WEEK_MS),
        dormant=float(stage in ("dormant", "ended")),
        windows=len(windows) / history_windows,
        burst=math.log2(sum(window.activities for window in windows) / len(windows)),
    )


def evergreen(x: Rhythm) -> float:
    """Chance that a journey of that rhythm is evergreen, 0 to 1, to three digits."""
    return round(chance(x, COEFFICIENTS, CONSTANT), 3)


def kind_of(lasting: float) -> JourneyKind:
    """What a journey of that chance to be evergreen is called."""
    return "evergreen" if lasting >= EVEN else "situational"
