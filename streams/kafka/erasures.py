"""Requests to forget users, on the topic that the worker takes them from."""

from collections.abc import Iterable

from kafka import KafkaProducer

from models.decoding import decode_user
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics


def erase(settings: Settings, users: Iterable[str], value: bytes | None = None) -> str:
    """Ask for the erasure of users, on every partition; returns the topic once all is acknowledged.

    On which partition a user lives their producers choose, by partitioners that we need not know.

    Args:
        settings: Where to.
        users: Their ids.
        value: Of the records; nobody reads it.

    Raises:
        Rejected: An id is none; nothing was sent.
        BrokerError: The broker does not take the records.
        SettingsError: The topic does not exist.
    """
    topic = Topics.of(settings).erasures
    keys = [user.encode("utf-8", "surrogateescape") for user in users]
    for key in keys:
        decode_user(key)
    (partitions,) = admin.partitions_of(settings, topic)
    with connect(settings, KafkaProducer, acks="all", enable_idempotence=True) as producer:
        sent = [
            producer.send(topic, value, key, partition=number)
            for key in keys
            for number in range(partitions)
        ]
        for one in sent:
            one.get(timeout=settings.broker_timeout)
    return topic
