"""The webhook: `journey-changes` in, requests to a receiver out; a Faust app of its own.

A follower in a thread keeps a store of what journeys go by, as the monitor does, so that each
change goes out with a name.
"""

import asyncio
import math
import threading
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from mode import get_logger

from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.failfast import FailFastTransport
from streams.query.follow import Follower
from streams.query.store import Store, opened
from streams.service.app import ServiceApp, faust_settings, run_service
from streams.service.metrics import WEBHOOK, Metrics
from streams.settings import Settings
from streams.stages.publish import reject_headers
from streams.topics import Topics
from streams.webhook.choose import Chooser
from streams.webhook.deliveries import Deliveries
from streams.webhook.health import Health
from streams.webhook.receiver import Receiver

STREAM_BUFFER: Final = 256  # records read ahead
LOOK_SECONDS: Final = 0.1  # until it is looked again whether names are read

_log = get_logger(__name__)


class _App(ServiceApp):
    def _new_transport(self) -> FailFastTransport:
        return FailFastTransport(self.conf.broker_consumer, self)


def group_of(settings: Settings) -> str:
    """The consumer group."""
    return f"{settings.group}-webhook"


def create_webhook(settings: Settings, store: Store, receiver: Receiver) -> ServiceApp:
    """The webhook's Faust app.

    Args:
        settings: All of them.
        store: Is kept up to date.
        receiver: Where changes go.
    """
    topics, group = Topics.of(settings), group_of(settings)
    app = _App(
        group,
        **faust_settings(settings, group, "kafka")
        | {
            "broker_commit_livelock_soft_timeout": math.inf,  # a receiver may be down for long
            "stream_buffer_maxsize": STREAM_BUFFER,
            "stream_wait_empty": False,  # what is under way when partitions move is dropped
            "topic_allow_declare": False,
        },
    )

    async def give_up(message: Any, reason: str, detail: str) -> None:
        headers = [
            *(message.headers or ()),
            *reject_headers(
                reason,
                detail,
                *(topics.changes, message.partition, message.offset),
                round(message.timestamp * 1000),
            ),
        ]
        await app.producer.send_and_wait(
            topics.undelivered, message.key, message.value, message.partition, None, headers
        )

    def crash(error: BaseException) -> None:
        crashes.append(asyncio.ensure_future(app.crash(error)))

    crashes: list[asyncio.Future[None]] = []
    metrics, stopped = Metrics(WEBHOOK), threading.Event()
    follower = Follower(settings, store)
    chooser = Chooser(settings, store, settings.webhook_selection)
    deliveries = Deliveries(settings, chooser, receiver, give_up, crash, metrics)
    app.health = health = Health(app, settings, follower, receiver, deliveries, metrics)
    changes = app.topic(
        topics.changes,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    async def follow() -> None:
        loop = asyncio.get_running_loop()

        def run() -> None:
            try:
                follower.run(stopped)
            except Exception as error:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(crash, error)

        threading.Thread(target=run, name="follow", daemon=True).start()

    app.task(follow)

    @app.agent(changes, name="deliver")
    async def deliver(stream: Any) -> None:
        async for event in stream.noack().events():
            while not follower.complete.is_set():  # noqa: ASYNC110  set by another thread
                await asyncio.sleep(LOOK_SECONDS)
            await deliveries.take(event)

    @app.on_partitions_assigned.connect
    async def joined(*_: Any, **__: Any) -> None:
        health.joined = True

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        deliveries.forget()

    @app.on_before_shutdown.connect
    async def stop(*_: Any, **__: Any) -> None:
        stopped.set()
        deliveries.forget()
        await receiver.close()

    return app


def begin(settings: Settings) -> None:
    """Where nothing is committed yet, begin with what comes from now on.

    It is written down, since a partition on which nothing comes for long has else no beginning, and
    what came while the service was away would be passed over.

    Raises:
        BrokerError: No broker answers.
        SettingsError: There is no such topic.
    """
    topic = Topics.of(settings).changes
    (count,) = admin.partitions_of(settings, topic)
    with connect(
        settings, KafkaConsumer, group_id=group_of(settings), enable_auto_commit=False
    ) as client:
        places = [TopicPartition(topic, number) for number in range(count)]
        fresh = [place for place in places if client.committed(place) is None]
        if not fresh:
            return
        ends = admin.end_offsets(settings, {topic: count})[topic]
        client.assign(fresh)
        client.commit({one: OffsetAndMetadata(ends[one.partition], "", -1) for one in fresh})
    _log.warning("%s begins with what comes from now on (--from-beginning: all)", topic)


def run(settings: Settings, *, from_beginning: bool = False) -> None:
    """Run the webhook until it is told to stop; ends the process.

    Args:
        settings: All of them.
        from_beginning: The first time, send what is there already, too.

    Raises:
        SettingsError: A setting is wrong, a topic is missing, or the port is taken.
        BrokerError: No broker answers.
        JourneysError: What ended it; `GoneError` when the receiver wants no more.
    """
    receiver = Receiver(settings)
    topics = Topics.of(settings)
    admin.partitions_of(settings, topics.changes, topics.journeys, topics.undelivered)
    if not from_beginning:
        begin(settings)
    with opened(settings) as store:
        run_service(create_webhook(settings, store, receiver), settings)
