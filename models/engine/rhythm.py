"""A journey's own rhythm: how long it is silent as a rule, and what silence and return say of it.

By the plain rule a journey falls asleep after so many silent windows and wakes at its next
activity. One that comes every few weeks does both again and again, and nothing has happened to it.
In real lives silences of one journey vary so much that no bound on them tells a pause from the end
without telling every end late. So the rhythm moves the bound only a little, and what it mainly
decides is what counts as a return: in a journey that has slept before, not one activity alone.
"""

from typing import Final

from models.engine.params import EngineParams
from models.engine.windows import active_in

# Rhythms are kept as whole sixteenths of a window: exact everywhere, and one byte in most states.
UNIT: Final = 16
USUAL: Final = 2 * UNIT  # of a cluster of which nothing is known yet
_MEMORY: Final = 5  # steps after which a rhythm has mostly been replaced by a new one

_PAUSES: Final = 2  # silence of so many times the usual one is long

# From the second sleep on it takes two windows, at most one between, to wake a journey; the first
# return is taken at its word.
_TAKEN_AT_ITS_WORD: Final = 1
_WINDOWS, _SPAN = 2, 3


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


def has_returned(params: EngineParams, lapses: int, windows: dict[int, int]) -> bool:
    """Whether a dormant journey that was just active in its last window is awake again.

    Args:
        params: The engine's settings.
        lapses: How many times it has fallen asleep.
        windows: Its history.
    """
    if params.dormancy == "fixed" or lapses <= _TAKEN_AT_ITS_WORD:
        return True
    wanted = min(_WINDOWS, params.history_windows)
    return active_in(windows, max(windows), _SPAN) >= wanted
