"""The consumer group of `journeys intake`: whether it is at work, and where it goes on."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from models.errors import SettingsError
from streams.input import intake_group
from streams.kafka.clients import connect
from streams.kafka.groups import at_work, committed
from streams.kafka.sending import OutgoingRecord
from streams.settings import Settings


def check_unused(settings: Settings, topic: str) -> None:
    """Make sure that nobody reads the topic as intake yet, nor did.

    Raises:
        BrokerError: The broker does not answer.
        SettingsError: Intake runs, or has read.
    """
    group = intake_group(settings)
    if at_work(settings, group):
        raise SettingsError(f"`journeys intake` runs (group {group}): stop it first")
    read = [number for name, number in committed(settings, group) if name == topic]
    if read:
        raise SettingsError(
            f"group {group} has offsets on {topic} already: intake goes on from there, and what "
            "lies before was read; a history now would come behind it"
        )


def hand_over(
    settings: Settings, topic: str, ends: Mapping[int, int], records: Iterable[OutgoingRecord]
) -> None:
    """Have intake go on at these offsets of a topic; with that, and only then, send some records.

    Raises:
        BrokerError: The broker fails: neither is done.
    """
    timeout = int(settings.broker_timeout * 1000)
    with connect(
        settings,
        KafkaProducer,
        acks="all",
        transactional_id=f"{settings.group}-backfill",
        allow_auto_create_topics=False,
        max_request_size=4 << 20,
        max_block_ms=timeout + 60_000,
        request_timeout_ms=timeout,
        delivery_timeout_ms=timeout + 60_000,
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        try:
            futures = [
                producer.send(
                    one.topic,
                    key=one.key,
                    value=one.value,
                    headers=list(one.headers),
                    partition=one.partition,
                )
                for one in records
            ]
            producer.flush()
            for future in futures:
                future.get(timeout=0)
            producer.send_offsets_to_transaction(
                {
                    TopicPartition(topic, number): OffsetAndMetadata(end, "", -1)
                    for number, end in ends.items()
                },
                intake_group(settings),
            )
        except KafkaError:
            with suppress(KafkaError):
                producer.abort_transaction()
            raise
        producer.commit_transaction()
