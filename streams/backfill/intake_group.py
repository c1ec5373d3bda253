"""The consumer group of `journeys intake`: whether it is at work, and where it goes on."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)
from kafka.structs import OffsetAndMetadata

from models.errors import SettingsError
from streams.input import intake_group
from streams.kafka.clients import connect
from streams.kafka.sending import OutgoingRecord
from streams.settings import Settings

_PASSING: Final = (
    CoordinatorNotAvailableError,
    CoordinatorLoadInProgressError,
    NotCoordinatorError,
)
_AT_WORK: Final = ("stable", "preparingrebalance", "completingrebalance", "assigning")


def check_unused(settings: Settings, topic: str) -> None:
    """Make sure that nobody reads the topic as intake yet, nor did.

    Raises:
        BrokerError: The broker does not answer.
        SettingsError: Intake runs, or has read.
    """
    group = intake_group(settings)
    with connect(settings, KafkaAdminClient) as client:
        states = {
            one["group_id"]: str(one["group_state"]).replace("_", "").lower()
            for one in _patiently(settings, client.list_groups)
        }
        if states.get(group) in _AT_WORK:
            raise SettingsError(f"`journeys intake` runs (group {group}): stop it first")
        offsets = _patiently(settings, lambda: client.list_group_offsets([group]))[group]
    read = sorted(one.partition for one, at in offsets.items() if one.topic == topic and _set(at))
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


def _patiently(settings: Settings, ask: Callable[[], Any]) -> Any:
    """A broker that has just started finds its groups first."""
    deadline = time.monotonic() + settings.broker_timeout
    while True:
        try:
            return ask()
        except _PASSING:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _set(at: Any) -> bool:
    return getattr(at, "offset", at) is not None and getattr(at, "offset", at) >= 0
