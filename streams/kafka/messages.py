"""Records of Kafka in batches, and each batch as one of Faust's messages.

A batch's message stands at its last record's offset, so Faust's cost per message is paid once a
batch; `Batches` is the schema of topics that come this way.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import faust
from faust.types import TP, ConsumerMessage, Message


class Record(Protocol):
    """One record as the Kafka client gives it; times are epoch ms, -1 when there is none."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int
    timestamp_type: int
    headers: Sequence[tuple[str, bytes]]


class Batch(list[Record]):
    """Records of one partition in order.

    Attributes:
        after: Offset up to which all records were handed on before, in this generation, or handled
            by whoever committed; -1 at the beginning.
    """

    def __init__(self, records: Iterable[Record], after: int) -> None:
        super().__init__(records)
        self.after = after


class BatchMessage(Protocol):
    """A batch as agents hand it on.

    Attributes:
        tp: Topic and partition.
        partition: Its number.
        value: The records.
        offset: Of the last of them.
        generation_id: Of the group, when they were fetched: its partition was assigned in it.
    """

    tp: TP
    partition: int
    value: Batch
    offset: int
    generation_id: int


class Batches(faust.Schema[Any, Any]):
    """Leaves a batch as it is: what is in a record is for the stages to judge."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:
        """Faust's hook: the function that turns a message into an event."""

        async def decode(message: Message, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, None, message)

        return decode


def in_turns(records: Mapping[TP, list[Record]], size: int) -> Iterator[tuple[TP, list[Record]]]:
    """Cut each partition's records into batches; a batch of each partition, then the next ones.

    Partitions are worked on side by side, so a worker must not get one partition's batches in a
    row.
    """
    longest = max(map(len, records.values()), default=0)
    for start in range(0, longest, size):
        for tp, found in records.items():
            if start < len(found):
                yield tp, found[start : start + size]


def as_message(tp: TP, batch: Sequence[Record], generation: int) -> ConsumerMessage:
    """A batch as one message at its last record's offset."""
    last = batch[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        None,
        None,
        batch,  # type: ignore[arg-type]
        None,
        0,
        0,
        TP(tp.topic, tp.partition),
        generation_id=generation,
    )
