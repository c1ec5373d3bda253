"""How many bytes a topic takes: its record batches fetched back, as they lie on the wire."""

import asyncio
import struct

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

FETCH_BYTES = 8 << 20
_BATCH_HEAD = struct.Struct(">qi")  # base offset; length of what follows
_LAST_OFFSET_DELTA = struct.Struct(">i")  # 23 bytes into a batch: after attributes
_DELTA_AT = 23


def topic_bytes(broker: str, topic: str, partitions: int) -> int:
    """Bytes of all record batches of a topic: keys, values, and what is around them.

    Raises:
        KafkaError: The broker does not answer.
    """
    return asyncio.run(_topic_bytes(broker, topic, partitions))


async def _topic_bytes(broker: str, topic: str, partitions: int) -> int:
    client = AIOKafkaClient(bootstrap_servers=broker)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        sizes = [await _partition_bytes(client, topic, number) for number in range(partitions)]
        return sum(sizes)
    finally:
        await client.close()


async def _partition_bytes(client: AIOKafkaClient, topic: str, partition: int) -> int:
    offset = total = 0
    while True:
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        wanted = [(topic, [(partition, offset, FETCH_BYTES)])]
        answer = await client.send(leader, FetchRequest(100, 1, FETCH_BYTES, 0, wanted))
        raw = bytes(answer.topics[0][1][0][-1] or b"")
        size, following = _whole_batches(raw, offset)
        if not size:
            return total
        total += size
        offset = following


def _whole_batches(raw: bytes, offset: int) -> tuple[int, int]:
    """Size of the batches that end at or after an offset, and the offset behind the last one.

    A broker may give the batch that holds the offset from its start, and cuts the last one.
    """
    place = size = 0
    following = offset
    while place + _BATCH_HEAD.size <= len(raw):
        base, length = _BATCH_HEAD.unpack_from(raw, place)
        end = place + _BATCH_HEAD.size + length
        if end > len(raw):
            break
        (delta,) = _LAST_OFFSET_DELTA.unpack_from(raw, place + _DELTA_AT)
        if base + delta >= following:
            size += end - place
            following = base + delta + 1
        place = end
    return size, following
