"""What a service's log is spared: a broker that is away is a line now and then, not a thousand."""

import logging
import time
from typing import Final

REPEAT_SECONDS: Final = 30.0

# They try again every tenth of a second, and log each time; a logger's filter does not see what
# its children log, so each is named.
_CHATTY: Final = (
    "aiokafka",
    "aiokafka.client",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
    "aiokafka.producer.producer",
)


class Seldom(logging.Filter):
    """Lets a message pass once in `REPEAT_SECONDS`, whatever its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        now, key = time.monotonic(), (record.name, str(record.msg))
        if now < self._passed.get(key, -REPEAT_SECONDS) + REPEAT_SECONDS:
            return False
        self._passed[key] = now
        return True


def calm() -> None:
    """Have the Kafka client of this process repeat itself seldom."""
    seldom = Seldom()
    for name in _CHATTY:
        logging.getLogger(name).addFilter(seldom)
