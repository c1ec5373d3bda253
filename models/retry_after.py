"""How long a server wants to be left alone."""

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds_of(header: str | None) -> float:
    """Seconds, of a number or a date (RFC 9110, section 10.2.3); 0 where none is said.

    Args:
        header: What `Retry-After` says.
    """
    wanted = header or ""
    with suppress(ValueError):
        seconds = float(wanted)
        return max(0.0, seconds) if seconds < float("inf") else 0.0
    with suppress(ValueError):
        moment = parsedate_to_datetime(wanted)
        if moment.tzinfo is not None:
            return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return 0.0
