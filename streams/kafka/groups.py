"""Consumer groups seen from outside: whether one is at work, where it is, and putting it there."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)
from kafka.structs import OffsetAndMetadata

from streams.kafka.clients import connect
from streams.settings import Settings

_PASSING: Final = (
    CoordinatorNotAvailableError,
    CoordinatorLoadInProgressError,
    NotCoordinatorError,
)
_AT_WORK: Final = ("stable", "preparingrebalance", "completingrebalance", "assigning")


def at_work(settings: Settings, group: str) -> bool:
    """Whether a group has members.

    Raises:
        BrokerError: The broker does not answer.
    """
    with connect(settings, KafkaAdminClient) as client:
        states = {
            one["group_id"]: str(one["group_state"]).replace("_", "").lower()
            for one in _patiently(settings, client.list_groups)
        }
    return states.get(group) in _AT_WORK


def committed(settings: Settings, group: str) -> dict[tuple[str, int], int]:
    """By topic and partition: the offset that a group has committed, where it has.

    Raises:
        BrokerError: The broker does not answer.
    """
    with connect(settings, KafkaAdminClient) as client:
        found = _patiently(settings, lambda: client.list_group_offsets([group]))[group]
    offsets = {(one.topic, one.partition): getattr(at, "offset", at) for one, at in found.items()}
    return {place: at for place, at in offsets.items() if at is not None and at >= 0}


def commit(settings: Settings, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Have a group without members go on at these offsets of a topic.

    Raises:
        BrokerError: The broker fails.
    """
    wanted = {
        TopicPartition(topic, number): OffsetAndMetadata(at, "", -1)
        for number, at in offsets.items()
    }
    if not wanted:
        return
    with connect(settings, KafkaConsumer, group_id=group, enable_auto_commit=False) as client:
        client.assign(list(wanted))
        client.commit(wanted)


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
