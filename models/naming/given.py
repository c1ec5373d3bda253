"""The names that a namer has given of late: two journeys of a user never get one.

A worker tells which names are taken as it asks; what is asked for at the same time, or answered a
moment ago, it cannot know.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from models.naming.answers import same

USERS: Final = 4_096  # remembered; more than can be asked for at once
SECONDS: Final = 900.0  # by then the worker knows what it was given


class Given:
    """Names by user and journey. For one event loop: what is claimed is claimed at once.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._users: OrderedDict[str, dict[str, tuple[str, float]]] = OrderedDict()

    def others(self, user_id: str, journey_id: str) -> list[str]:
        """What the user's other journeys were called of late."""
        since = self._clock() - SECONDS
        known = self._users.get(user_id, {})
        return [name for other, (name, at) in known.items() if other != journey_id and at >= since]

    def claim(self, user_id: str, journey_id: str, names: Iterable[str]) -> str | None:
        """Give a journey the first of these names that no other one of the user has.

        Returns:
            That name; None if others have them all.
        """
        theirs = self.others(user_id, journey_id)
        for name in names:
            if not any(same(name, other) for other in theirs):
                known = self._users.setdefault(user_id, {})
                known[journey_id] = (name, self._clock())
                self._users.move_to_end(user_id)
                if len(self._users) > USERS:
                    self._users.popitem(last=False)
                return name
        return None
