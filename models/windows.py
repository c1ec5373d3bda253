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


def persists(
    history: Mapping[int, int], now: int, *, span: int, windows: int, activities: int
) -> bool:
    """The promotion rule: active in `windows` of the last `span` windows, often enough in all.

    Args:
        history: Activities per window index.
        now: The current window; it counts as one of the last `span`.
        span: How many windows are looked at.
        windows: In how many of them there must have been activity.
        activities: How many activities there must have been in them together.
    """
    if len(history) < windows:
        return False
    recent = [count for index, count in history.items() if now - span < index <= now]
    return len(recent) >= windows and sum(recent) >= activities
