"""Topics are made as the design says, on every broker, once, and tell what is in them."""

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from models.errors import BrokerError, SettingsError
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics


def test_create_makes_every_topic_with_its_cleanup(settings: Settings) -> None:
    assert all(made.existing == 0 for made in admin.create(settings))

    states = {state.name: state for state in admin.describe(settings)}
    assert set(states) == set(Topics.of(settings).all())
    assert all(state.partitions == settings.partitions for state in states.values())
    assert all(state.replication == 1 for state in states.values())
    compacted = [name for name, state in states.items() if state.cleanup == "compact"]
    topics = Topics.of(settings)
    assert compacted == [topics.journeys, topics.user_journeys, topics.items]


def test_create_again_changes_nothing_and_says_what_differs(settings: Settings) -> None:
    admin.create(settings)
    assert not any(made.differs for made in admin.create(settings))

    more = settings.model_copy(update={"partitions": settings.partitions + 1})
    assert all(made.differs and made.existing == settings.partitions for made in admin.create(more))
    assert all(state.partitions == settings.partitions for state in admin.describe(settings))


def test_activities_and_names_must_share_their_partition_count(settings: Settings) -> None:
    name = Topics.of(settings).activities
    with connect(settings, KafkaAdminClient) as client:
        client.create_topics(
            {name: {"num_partitions": 7, "replication_factor": 1}}, wait_for_metadata=True
        )
    with pytest.raises(SettingsError, match="JOURNEYS_PARTITIONS"):
        admin.create(settings)
    assert [state.name for state in admin.describe(settings) if state.partitions] == [name]


def test_describe_gives_end_offsets(settings: Settings) -> None:
    admin.create(settings)
    name = Topics.of(settings).rejects
    with connect(settings, KafkaProducer) as producer:
        for _ in range(3):
            producer.send(name, b"{}", partition=1)
        producer.flush()
    states = {state.name: state for state in admin.describe(settings)}
    assert states[name].end_offsets == (0, 3, 0, 0)


def test_describe_without_topics_makes_none(settings: Settings) -> None:
    assert all(state.partitions == 0 for state in admin.describe(settings))
    assert all(state.partitions == 0 for state in admin.describe(settings))


def test_a_broker_that_does_not_answer_is_one_line() -> None:
    nowhere = Settings.load(broker="127.0.0.1:1", broker_timeout=0.5)
    with pytest.raises(BrokerError, match=r"no broker answers at 127.0.0.1:1 within 0.5 s"):
        admin.create(nowhere)
