"""The topics on the broker: made, described, counted.

What they are called is in `streams.topics`.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from models.errors import BrokerError, SettingsError
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics

# Changes are the product and rejects are evidence: both must outlive the broker's default week.
# A year matches the longest silence after which a journey still resumes.
LONG_RETENTION_MS: Final = 365 * 86_400_000

# A record that just fitted into the broker's default of 1 MiB comes back with headers around it.
REJECT_BYTES: Final = 2 << 20

_NO_ID: Final = str(UUID(int=0))
_EXISTS: Final = 36  # Kafka's error code TOPIC_ALREADY_EXISTS: another `create` was faster


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is made."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicState:
    """What the broker says of a topic; `partitions` is 0 when there is no such topic."""

    name: str
    partitions: int = 0
    replication: int = 0
    cleanup: str = ""
    end_offsets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Creation:
    """What `create` did about one topic: `existing` partitions were there before, 0 if none."""

    spec: TopicSpec
    existing: int

    @property
    def differs(self) -> bool:
        """True when the topic was there with another number of partitions than the settings'."""
        return self.existing not in (0, self.spec.partitions)


def specs(settings: Settings) -> list[TopicSpec]:
    """How each topic is made under these settings."""
    topics = Topics.of(settings)
    keep = {"cleanup.policy": "delete", "retention.ms": str(LONG_RETENTION_MS)}
    configs: dict[str, Mapping[str, str]] = {
        topics.rejects: keep | {"max.message.bytes": str(REJECT_BYTES)},
        topics.changes: keep,
        topics.journeys: {"cleanup.policy": "compact"},
        topics.user_journeys: {"cleanup.policy": "compact"},
        topics.items: {"cleanup.policy": "compact"},
        topics.waiting: keep | {"max.message.bytes": str(REJECT_BYTES)},
        topics.undelivered: keep | {"max.message.bytes": str(REJECT_BYTES)},
        topics.erasures: keep,
    }
    return [
        TopicSpec(
            name,
            settings.partitions,
            settings.replication,
            configs.get(name, {"cleanup.policy": "delete"}),
        )
        for name in topics.all()
    ]


def create(settings: Settings) -> list[Creation]:
    """Make the topics that are missing; those that exist are left as they are.

    Raises:
        BrokerError: When no broker answers.
        SettingsError: When the broker refuses a topic, or when topics that lie side by side would
            differ in partitions (nothing is made then).
    """
    topics = Topics.of(settings)
    with connect(settings, KafkaAdminClient) as client:
        existing = {
            name: len(entry["partitions"]) for name, entry in _metadata(client, topics).items()
        }
        made = [Creation(spec, existing.get(spec.name, 0)) for spec in specs(settings)]
        counts = {
            creation.spec.name: creation.existing or creation.spec.partitions for creation in made
        }
        _check_side_by_side({name: counts[name] for name in topics.side_by_side()})
        missing = [creation.spec for creation in made if not creation.existing]
        if missing:
            _create(client, missing)
    return made


def make(settings: Settings, spec: TopicSpec) -> None:
    """Make one topic, unless it is there.

    Raises:
        BrokerError: When no broker answers.
        SettingsError: When the broker refuses it.
    """
    with connect(settings, KafkaAdminClient) as client:
        if spec.name not in client.list_topics():
            _create(client, [spec])


def exists(settings: Settings, name: str) -> bool:
    """Whether there is such a topic.

    Raises:
        BrokerError: When no broker answers.
    """
    with connect(settings, KafkaAdminClient) as client:
        return name in client.list_topics()


def describe(settings: Settings) -> list[TopicState]:
    """What the broker says of each topic, in the order of the data's path.

    Raises:
        BrokerError: When no broker answers.
    """
    topics = Topics.of(settings)
    with connect(settings, KafkaAdminClient) as client:
        found = _metadata(client, topics)
        if not found:
            return [TopicState(name) for name in topics.all()]
        # Asked for by `all`: some brokers do not mark what was set on a topic as modified.
        configs = client.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in found], config_filter="all"
        )["topic"]
    ends = end_offsets(settings, {name: len(entry["partitions"]) for name, entry in found.items()})
    return [
        TopicState(
            name,
            partitions=len(found[name]["partitions"]),
            replication=len(found[name]["partitions"][0]["replica_nodes"]),
            cleanup=configs[name].get("cleanup.policy", {}).get("value", "unknown"),
            end_offsets=ends[name],
        )
        if name in found
        else TopicState(name)
        for name in topics.all()
    ]


def partitions_of(settings: Settings, *names: str) -> tuple[int, ...]:
    """How many partitions topics have that must be there: who works on topics asks this first.

    Args:
        settings: Where the broker is.
        names: Full names of topics.

    Returns:
        Their numbers of partitions, in the order of the names.

    Raises:
        BrokerError: When no broker answers.
        SettingsError: When one of the topics does not exist.
    """
    with connect(settings, KafkaAdminClient) as client:
        existing = set(client.list_topics())
        for name in names:
            if name not in existing:
                # To whom a topic may not be shown, a broker says no more than this either.
                unseen = "" if settings.security_protocol == "PLAINTEXT" else " or no right to it"
                raise SettingsError(
                    f"there is no topic {name} at {settings.broker}{unseen}: "
                    "make it with `journeys topics create`"
                )
        counts = {
            entry["name"]: len(entry["partitions"]) for entry in client.describe_topics([*names])
        }
    return tuple(counts[name] for name in names)


def topic_id_of(settings: Settings, name: str) -> str:
    """The id that a broker gives a topic each time it is made; empty where it gives none.

    Raises:
        BrokerError: When no broker answers.
    """
    with connect(settings, KafkaAdminClient) as client:
        (found,) = client.describe_topics([name])
    topic_id = str(found.get("topic_id") or _NO_ID)
    return "" if topic_id == _NO_ID else topic_id


def side_by_side(settings: Settings, *names: str) -> int:
    """How many partitions topics have that must be there, all of them as many.

    A user's activities, the requests for names and their answers must reach the same worker, so
    they go to the same partition number.

    Raises:
        BrokerError: When no broker answers.
        SettingsError: When one of the topics does not exist, or they differ.
    """
    counts = dict(zip(names, partitions_of(settings, *names), strict=True))
    _check_side_by_side(counts)
    return counts[names[0]]


def end_offsets(settings: Settings, partitions: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """The offset that the next record of each partition will get.

    Asked for by a fetch: to the direct question some brokers (the embedded one) answer with an
    offset inside the last batch.

    Args:
        settings: Where the broker is.
        partitions: How many partitions each topic has; the topics must exist.

    Returns:
        By topic: the end offsets, by partition number.

    Raises:
        BrokerError: When no broker answers.
    """
    wanted = [
        TopicPartition(name, number)
        for name, count in partitions.items()
        for number in range(count)
    ]
    deadline = time.monotonic() + settings.broker_timeout
    with connect(settings, KafkaConsumer, fetch_max_wait_ms=10) as client:
        client.assign(wanted)
        client.seek_to_end()
        while any(client.highwater(partition) is None for partition in wanted):
            if time.monotonic() > deadline:
                raise BrokerError(f"the broker at {settings.broker} gives no end offsets")
            client.poll(timeout_ms=50)
        ends = {partition: client.highwater(partition) for partition in wanted}
    return {
        name: tuple(ends[TopicPartition(name, number)] for number in range(count))
        for name, count in partitions.items()
    }


def _check_side_by_side(counts: Mapping[str, int]) -> None:
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise SettingsError(
            f"JOURNEYS_PARTITIONS: these topics must have the same number of partitions: {told}"
        )


def _metadata(client: KafkaAdminClient, topics: Topics) -> dict[str, Any]:
    # Those that exist, by name; asking for one that does not could make some brokers create it.
    names = sorted(set(client.list_topics()) & set(topics.all()))
    return {entry["name"]: entry for entry in client.describe_topics(names)} if names else {}


def _create(client: KafkaAdminClient, missing: list[TopicSpec]) -> None:
    answer = client.create_topics(
        {
            spec.name: {
                "num_partitions": spec.partitions,
                "replication_factor": spec.replication,
                "configs": dict(spec.config),
            }
            for spec in missing
        },
        raise_errors=False,
    )
    for topic in answer["topics"]:
        if topic["error_code"] not in (0, _EXISTS):
            raise SettingsError(
                f"the broker refuses topic {topic['name']}: "
                f"{topic['error_message'] or topic['error_code']}"
            )
    # A broker confirms before every partition has a leader; a producer would meet errors.
    client.wait_for_topics([spec.name for spec in missing])
