"""The Kafka topics: their names, how they are made, what is in them.

The one home of topic names and keys; everything else takes them from `Topics`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any, Final, Self

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import KafkaError

from models.errors import BrokerError, SettingsError
from streams.settings import Settings

# Changes are the product and rejects are evidence: both must outlive the broker's default week.
# A year matches the longest silence after which a journey still resumes.
LONG_RETENTION_MS: Final = 365 * 86_400_000

_EXISTS: Final = 36  # Kafka's error code TOPIC_ALREADY_EXISTS: another `create` was faster


@dataclass(frozen=True, slots=True)
class Topics:
    """The full names of all topics, prefix included (DESIGN.md, section 3)."""

    activities: str
    rejects: str
    changes: str
    journeys: str
    requests: str
    names: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The names under these settings."""
        prefix = settings.topic_prefix
        return cls(
            activities=f"{prefix}activity-events",
            rejects=f"{prefix}activity-rejects",
            changes=f"{prefix}journey-changes",
            journeys=f"{prefix}journeys",
            requests=f"{prefix}naming-requests",
            names=f"{prefix}journey-names",
        )

    def all(self) -> tuple[str, ...]:
        """Every name, in the order of the data's path."""
        return astuple(self)


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


def journey_key(user_id: str, journey_id: str) -> bytes:
    """The key of a journey's record on the compacted topic `journeys`."""
    return f"{user_id}/{journey_id}".encode()


def specs(settings: Settings) -> list[TopicSpec]:
    """How each topic is made under these settings."""
    topics = Topics.of(settings)
    keep = {"cleanup.policy": "delete", "retention.ms": str(LONG_RETENTION_MS)}
    configs: dict[str, Mapping[str, str]] = {
        topics.rejects: keep,
        topics.changes: keep,
        topics.journeys: {"cleanup.policy": "compact"},
    }
    return [
        TopicSpec(name, settings.partitions, settings.replication,
                  configs.get(name, {"cleanup.policy": "delete"}))
        for name in topics.all()
    ]


@contextmanager
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A client for topics, closed at the end; every failure inside is one clear line.

    Raises:
        BrokerError: When no broker answers within `broker_timeout`, or it stops answering.
        SettingsError: When the address is none.
    """
    timeout_ms = int(settings.broker_timeout * 1000)
    try:
        client = KafkaAdminClient(
            bootstrap_servers=settings.broker.split(","),
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
        )
    except KafkaError:
        raise BrokerError(
            f"no broker answers at {settings.broker} within {settings.broker_timeout:g} s"
        ) from None
    except ValueError:
        raise SettingsError(f"JOURNEYS_BROKER: not host:port: {settings.broker!r}") from None
    try:
        yield client
    except KafkaError as error:
        raise BrokerError(f"the broker at {settings.broker} failed: {error}") from error
    finally:
        client.close()


def create(settings: Settings) -> list[Creation]:
    """Make the topics that are missing; those that exist are left as they are.

    Raises:
        BrokerError: When no broker answers.
        SettingsError: When the broker refuses a topic, or when the two topics that a worker reads
            would differ in partitions (nothing is made then).
    """
    topics = Topics.of(settings)
    with admin(settings) as client:
        existing = {name: len(entry["partitions"])
                    for name, entry in _metadata(client, topics).items()}
        made = [Creation(spec, existing.get(spec.name, 0)) for spec in specs(settings)]
        # A user's activities and names must reach the same worker, so: the same partition number.
        counts = {creation.spec.name: creation.existing or creation.spec.partitions
                  for creation in made}
        if counts[topics.activities] != counts[topics.names]:
            raise SettingsError(
                f"JOURNEYS_PARTITIONS: {topics.activities} with {counts[topics.activities]} and "
                f"{topics.names} with {counts[topics.names]} partitions cannot work together"
            )
        missing = [creation.spec for creation in made if not creation.existing]
        if missing:
            _create(client, missing)
    return made


def describe(settings: Settings) -> list[TopicState]:
    """What the broker says of each topic, in the order of the data's path.

    Raises:
        BrokerError: When no broker answers.
    """
    topics = Topics.of(settings)
    with admin(settings) as client:
        found = _metadata(client, topics)
        if not found:
            return [TopicState(name) for name in topics.all()]
        # Asked for by `all`: some brokers do not mark what was set on a topic as modified.
        configs = client.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in found], config_filter="all"
        )["topic"]
        ends = client.list_partition_offsets({
            TopicPartition(name, partition): OffsetSpec.LATEST
            for name, entry in found.items() for partition in range(len(entry["partitions"]))
        })
    return [
        TopicState(
            name,
            partitions=len(found[name]["partitions"]),
            replication=len(found[name]["partitions"][0]["replica_nodes"]),
            cleanup=configs[name].get("cleanup.policy", {}).get("value", "unknown"),
            end_offsets=tuple(ends[TopicPartition(name, partition)].offset
                              for partition in range(len(found[name]["partitions"]))),
        ) if name in found else TopicState(name)
        for name in topics.all()
    ]


def _metadata(client: KafkaAdminClient, topics: Topics) -> dict[str, Any]:
    # Those that exist, by name; asking for one that does not could make some brokers create it.
    names = sorted(set(client.list_topics()) & set(topics.all()))
    return {entry["name"]: entry for entry in client.describe_topics(names)} if names else {}


def _create(client: KafkaAdminClient, missing: list[TopicSpec]) -> None:
    answer = client.create_topics(
        {spec.name: {"num_partitions": spec.partitions, "replication_factor": spec.replication,
                     "configs": dict(spec.config)} for spec in missing},
        raise_errors=False,
    )
    for topic in answer["topics"]:
        if topic["error_code"] not in (0, _EXISTS):
            raise SettingsError(f"the broker refuses topic {topic['name']}: "
                                f"{topic['error_message'] or topic['error_code']}")
    # A broker confirms before every partition has a leader; a producer would meet errors.
    client.wait_for_topics([spec.name for spec in missing])
