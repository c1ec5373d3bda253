"""How fetched records become batches."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.kafka.messages import Batch, as_message, in_turns


def record(offset: int, timestamp: int = 1_700_000_000_000) -> Any:
    return SimpleNamespace(offset=offset, timestamp=timestamp, timestamp_type=0)


def test_partitions_take_turns_and_no_batch_is_longer_than_allowed() -> None:
    one, other = TP("t", 0), TP("t", 1)
    records = {one: [record(n) for n in range(5)], other: [record(n) for n in range(2)]}
    cut = [(tp, [r.offset for r in batch]) for tp, batch in in_turns(records, 2)]
    assert cut == [(one, [0, 1]), (other, [0, 1]), (one, [2, 3]), (one, [4])]
    assert list(in_turns({}, 2)) == []


def test_a_message_stands_at_its_last_record() -> None:
    batch = Batch([record(7), record(9, 1_700_000_005_000)], after=6)
    message = as_message(TP("t", 3), batch, generation=4)
    assert (message.topic, message.partition, message.offset) == ("t", 3, 9)
    assert message.timestamp == 1_700_000_005.0
    assert message.generation_id == 4
    assert isinstance(message.value, Batch)
    assert [r.offset for r in message.value] == [7, 9]
    assert message.value.after == 6
