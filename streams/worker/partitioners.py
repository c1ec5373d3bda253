"""Whether producers agree on which partition a user belongs to.

Where two keep to different rules, a user of both lies on two partitions and is two users to the
worker. It cannot see the other half; but which rule explains a user's partition can be told from
the key, and where one rule alone explains some users and another the others, both are at work.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from mode import get_logger

from streams.kafka.partitioning import PARTITIONERS
from streams.service.metrics import USERS_MET, Metrics

_log = get_logger(__name__)

SEVERAL: Final = "several"  # more than one rule puts the user there: that tells nothing
UNKNOWN: Final = "unknown"
_CLIENTS: Final = {
    "murmur2": "Java, kafka-python, aiokafka",
    "crc32": "librdkafka",
    "fnv1a": "sarama",
}


class PartitionerWatch:
    """Counts users by the only rule that puts them where they are.

    Args:
        topic: That the users come from.
        partitions: How many it has.
        metrics: Where to count.
    """

    def __init__(self, topic: str, partitions: int, metrics: Metrics) -> None:
        self._topic = topic
        self._partitions = partitions
        self._metrics = metrics
        self._counts: dict[int, Counter[str]] = defaultdict(Counter)
        self._told = False

    def meet(self, partition: int, key: bytes) -> None:
        """A user was read into memory."""
        rule = self._rule(partition, key)
        self._metrics.count_each(USERS_MET, {rule: 1})
        counts = self._counts[partition]
        counts[rule] += 1
        if not self._told and counts[rule] == 1 and (trouble := self.trouble()):
            self._told = True
            _log.warning("%s", trouble)

    def keep(self, partitions: Iterable[int]) -> None:
        """Forget what was seen on other partitions: they went to other workers."""
        for gone in self._counts.keys() - set(partitions):
            del self._counts[gone]

    def trouble(self) -> str | None:
        """What is wrong, on one line; None if nothing is known to be."""
        for partition, counts in sorted(self._counts.items()):
            rules = [rule for rule in PARTITIONERS if counts[rule]]
            # Under a rule that is not known, chance makes some users look like any other's.
            if len(rules) > 1 and counts[UNKNOWN] < sum(counts[rule] for rule in rules):
                told = " and ".join(f"{counts[r]} by {r} ({_CLIENTS[r]})" for r in rules)
                return (
                    f"producers of {self._topic} choose partitions by different rules: partition "
                    f"{partition} has users {told}; a user of both is two users, each with half "
                    "of the activities: give them one partitioner, or use `journeys intake`"
                )
        return None

    def _rule(self, partition: int, key: bytes) -> str:
        if self._partitions == 1:
            return SEVERAL
        rules = [r for r, of in PARTITIONERS.items() if of(key, self._partitions) == partition]
        return rules[0] if len(rules) == 1 else SEVERAL if rules else UNKNOWN
