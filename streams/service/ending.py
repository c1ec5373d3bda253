"""The end of a process of which something hangs: what hangs may keep it from ending by itself."""

import logging
import os
import sys
import threading
from typing import Final

from mode import get_logger

from models.errors import StalledError

_log = get_logger(__name__)

GRACE_SECONDS: Final = 20.0  # for what does not hang: leaving the group, closing the store


def end_by_force(error: StalledError, seconds: float = GRACE_SECONDS) -> None:
    """End the process after so many seconds, unless it has ended by then.

    It is safe at any moment: so is a SIGKILL.

    Args:
        error: Why.
        seconds: That it has for ending by itself.
    """

    def end() -> None:
        _log.error("ended by force, since it does not end by itself: %s", error)
        logging.shutdown()
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
