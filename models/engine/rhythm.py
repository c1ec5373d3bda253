"""A journey's own rhythm: how long it is silent as a rule, and what silence and return say of it.

By the plain rule a journey falls asleep after so many silent windows and wakes at its next
activity. One that comes every few weeks does both again and again, and nothing has happened to it.
In real lives silences of one journey vary so much that no bound on them tells a pause from the end
without telling every end late. So the rhythm moves the bound only a little, and what it mainly
decides is what counts as a return: not one activity alone, except after an absence so long that it
is news (half of what would have ended the journey).
"""

from typing import Final

from models.engine.params import EngineParams

# Rhythms are kept as whole sixteenths of a window: exact everywhere, and one byte in most states.
UNIT: Final = 16
USUAL: Final = 3 * UNIT // 2  # of a cluster of which nothing is known yet
_MEMORY: Final = 5  # steps after which a rhythm has mostly been replaced by a new one

_PAUSES: Final = 3  # silence of so many times the usual step is long

# A journey is back when it is active in two windows with at most one between.
_CLOSE: Final = 2


def followed(rhythm: int, step: int) -> int:
    """A rhythm after another step from one active window to the next: a moving average.

    Args:
        rhythm: In `UNIT`s of a window.
        step: Windows, 1 or more.
    """
    return rhythm + (step * UNIT - rhythm) // _MEMORY


def patience(params: EngineParams, rhythm: int) -> int:
    """Silent windows until a journey of that rhythm is dormant."""
    if params.dormancy == "fixed":
        return params.dormant_windows
    long = -(-_PAUSES * rhythm // UNIT)
    return min(max(long, params.dormant_windows), params.most_dormant_windows)


def has_returned(params: EngineParams, step: int) -> bool:
    """Whether a dormant journey wakes.

    Args:
        params: The engine's settings.
        step: Windows from the active one before to its latest.
    """
    return params.dormancy == "fixed" or step <= _CLOSE or 2 * step > params.ended_windows
