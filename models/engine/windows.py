"""Tumbling windows of event time: which one a moment falls in, how a history of them is kept.

A window is named by its index, `moment // length` in epoch milliseconds, so it needs no state and
means the same in every process. A history maps index → number of activities.
"""

from collections.abc import Mapping


def index_of(moment: int, length: int) -> int:
    """Index of the window that holds `moment` (epoch ms), for windows of `length` ms."""
    return moment // length


def end_of(index: int, length: int) -> int:
    """End of a window, exclusive, epoch ms."""
    return (index + 1) * length


def last_closed(moment: int, length: int, lateness: int) -> int:
    """Index of the last window that is over at `moment`, `lateness` ms allowed for stragglers."""
    return (moment - lateness) // length - 1


def count_in(history: dict[int, int], index: int, kept: int, activities: int = 1) -> None:
    """Count activities in window `index` and forget all but the last `kept` windows."""
    if index in history:
        history[index] += activities
        return
    history[index] = activities
    if len(history) > 1:
        oldest = max(history) - kept
        for old in [known for known in history if known <= oldest]:
            del history[old]


def active_in(history: Mapping[int, int], now: int, span: int) -> int:
    """In how many of the last `span` windows, `now` the last of them, there was activity."""
    return sum(now - span < index <= now for index in history)
