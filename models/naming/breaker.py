"""A circuit breaker: a server that does not answer is left alone, and tried again by one."""

import logging
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 1.0  # seconds; a server that restarts is found again soon
LONGEST_PAUSE: Final = 10.0  # seconds; one that is gone for hours is asked six times a minute
PROBE_SECONDS: Final = 30.0  # a probe that has not reported by then is given up for another


class Breaker:
    """Closed: requests pass. Open: none does until the pause is over. Then one caller may probe.

    The pause doubles with every probe that fails. Each change of state is logged once.

    Args:
        what: What is guarded, for the log.
        clock: Seconds, monotonic.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._pause = 0.0
        self._until = 0.0
        self._probing = False
        self.reason: str | None = None

    @property
    def closed(self) -> bool:
        """Whether requests pass."""
        return self.reason is None

    def may_probe(self) -> bool:
        """True for one caller when the pause is over; it must then call `open` or `close`."""
        if self.closed or self._clock() < self._until:
            return False
        self._probing = True
        self._until = self._clock() + PROBE_SECONDS
        return True

    def open(self, reason: str, pause: float = 0.0) -> None:
        """The server does not answer; try again after `pause` seconds, or after a usual pause."""
        if self.closed:
            logger.warning("%s does not answer (%s): names wait for it", self._what, reason)
            self._pause = FIRST_PAUSE
        elif self._probing:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        else:
            return  # one of many that failed together: that is one failure
        self.reason, self._probing = reason, False
        self._until = self._clock() + max(self._pause, min(pause, LONGEST_PAUSE))

    def close(self) -> None:
        """The server answers."""
        if not self.closed:
            logger.warning("%s answers again", self._what)
        self.reason, self._probing = None, False
