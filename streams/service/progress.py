"""Whether work that waits is done: what a service that hangs is known by.

A service is watched piece by piece (a partition of a topic, a recovery), since one that stands
still is not seen among others that go on.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Final

from mode import get_logger

_log = get_logger(__name__)

TOLD: Final = 0.5  # of the bound: from then on it is told


class Progress:
    """For how long each piece of work has stood still.

    Args:
        bound: Seconds from which a piece of work counts as stuck.
        monotonic: By which they are measured.
    """

    def __init__(self, bound: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bound = bound
        self._monotonic = monotonic
        self._seen: dict[str, Hashable] = {}
        self._since: dict[str, float] = {}
        self._told: dict[str, Hashable] = {}

    def look(self, work: Mapping[str, Hashable]) -> None:
        """See what there is to do.

        Args:
            work: By what it is, something that changes as it goes on. What is not among them has
                nothing to do.
        """
        now = self._monotonic()
        for name in self._seen.keys() - work.keys():
            del self._seen[name], self._since[name]
        for name, token in work.items():
            if name not in self._seen or self._seen[name] != token:
                self._seen[name], self._since[name] = token, now

    def still(self, share: float = 1.0) -> dict[str, float]:
        """What has stood still for more than that share of the bound, with its seconds."""
        now = self._monotonic()
        return {
            name: now - since
            for name, since in sorted(self._since.items())
            if now - since > share * self._bound
        }

    @property
    def longest(self) -> float:
        """Seconds that what has stood still longest has; 0 where there is nothing to do."""
        return self._monotonic() - min(self._since.values(), default=self._monotonic())

    def excuse(self) -> None:
        """Count anew: what kept the work from being done is no fault of the service."""
        self._since = dict.fromkeys(self._since, self._monotonic())

    def tell(self) -> None:
        """Put into the log what stands still, once, and once more when that is over."""
        for name, token in list(self._told.items()):
            if name not in self._seen or self._seen[name] != token:
                del self._told[name]
                _log.warning("%s: goes on again", name)
        for name, seconds in self.still(TOLD).items():
            if name not in self._told:
                self._told[name] = self._seen[name]
                _log.error("%s: work waits, and nothing was done for %.0f s", name, seconds)
