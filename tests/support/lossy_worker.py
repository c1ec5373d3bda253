"""`journeys` that loses an acknowledgement of state now and then: what is written is stored."""

from collections.abc import Awaitable
from typing import Any, Final

from aiokafka.errors import RequestTimedOutError

from streams.cli import main
from streams.kafka.producers import PartitionProducers

EVERY: Final = 25  # record batches on the changelog

if __name__ == "__main__":
    append, sent = PartitionProducers.append, 0

    async def lost(acknowledged: Awaitable[int]) -> int:
        await acknowledged
        raise RequestTimedOutError

    async def lossy(
        self: PartitionProducers, owned: int, topic: str, partition: int, batch: Any
    ) -> Awaitable[int]:
        global sent
        acknowledged = await append(self, owned, topic, partition, batch)
        if topic != self.changelog or batch.record_count() == 1:  # by which a partition is taken
            return acknowledged
        sent += 1
        return acknowledged if sent % EVERY else lost(acknowledged)

    PartitionProducers.append = lossy  # type: ignore[method-assign]
    main()
