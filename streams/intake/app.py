"""The intake, put together: events of any form and key in, plain activities out.

It lives in a Faust app like worker and namer, for its start, end and endpoint; what it reads it
reads by consumers of its own (`streams.intake.partitions` says why).
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from mode import get_logger

from models.errors import BrokerError, JourneysError, SettingsError
from models.mapping.mapping import Mapping
from streams.formats.values import ValueDecoder, value_decoder
from streams.input import intake_group, mapping_of, topics_of
from streams.intake.catalogue import Catalogue, open_store
from streams.intake.events import Events
from streams.intake.health import Health
from streams.intake.partitions import Partitions
from streams.intake.transactions import BATCH_BYTES, REQUEST_BYTES, RETRY_MS, Transactions
from streams.kafka.admin import partitions_of, topic_id_of
from streams.kafka.preflight import refusal
from streams.kafka.security import Security
from streams.service.app import HEARTBEATS, ClientApp, faust_settings, run_service
from streams.service.metrics import INTAKE, Metrics
from streams.service.tracing import tracing_of
from streams.settings import Settings
from streams.topics import Topics

_log = get_logger(__name__)

METADATA_MS: Final = 10_000  # until partitions that were added to a topic are read
FETCH_BYTES: Final = 2 << 20  # of a partition at once
NEVER_MS: Final = 7 * 86_400_000  # while the registry is away for long we stay a member


class Intake:
    """Runs the consumers.

    Args:
        app: Ended when they fail.
        settings: All of them.
        mapping: How events become activities.
        sources: Topics that are read.
    """

    def __init__(
        self, app: ClientApp, settings: Settings, mapping: Mapping | None, sources: Iterable[str]
    ) -> None:
        self.metrics = Metrics(INTAKE)
        self.values: ValueDecoder = value_decoder(settings, mapping.format if mapping else "json")
        self.health = Health(settings, self.values, self.metrics, self.crash)
        self._app = app
        self._settings = settings
        self._mapping = mapping
        self._sources = list(sources)
        self._ended: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Read until the app stops."""
        self._ended = asyncio.create_task(self._run())
        try:
            await asyncio.shield(self._ended)
        except asyncio.CancelledError:
            return
        except Exception as error:
            await self.crash(error)

    async def stop(self) -> None:
        """Leave the group, with what is under way brought to its end."""
        if self._ended is not None:
            self._ended.cancel()
            await asyncio.gather(self._ended, return_exceptions=True)

    async def crash(self, error: BaseException) -> None:
        """End the app."""
        if not isinstance(error, JourneysError) and (missing := refusal(error)):
            error = BrokerError(f"the broker does not let us read or write: {missing}")
        await self._app.crash(error)

    async def _run(self) -> None:
        settings, topics = self._settings, Topics.of(self._settings)
        group = intake_group(settings)
        consumer = AIOKafkaConsumer(group_id=group, **self._consuming())
        transactions = Transactions(self._producer, consumer, group, topics.rejects)
        catalogue, items, following = None, None, []
        if settings.catalogue:
            items = AIOKafkaConsumer(**self._consuming())
            folder = settings.data_dir / settings.group if settings.store == "rocksdb" else None
            store = open_store(folder)
            topic_id, count = await asyncio.to_thread(_described, settings, topics.items)
            catalogue = Catalogue(items, topics.items, topic_id, count, store, self.metrics)
        events = Events(
            self._mapping,
            self.values,
            settings.earliest_ms,
            None if catalogue is None else catalogue.find,
        )
        partitions = Partitions(
            consumer,
            transactions,
            events,
            self._sources,
            settings,
            self.metrics,
            self.crash,
            tracing=self._app.tracing,
        )
        self.health.partitions, self.health.transactions = partitions, transactions
        self.health.catalogue = catalogue
        try:
            if catalogue is not None and items is not None:
                await items.start()
                following = [asyncio.create_task(catalogue.run())]
                complete = asyncio.create_task(catalogue.complete.wait())
                await asyncio.wait([complete, *following], return_when=asyncio.FIRST_COMPLETED)
                complete.cancel()
            await consumer.start()
            reading = asyncio.create_task(partitions.run())
            following.append(reading)
            await asyncio.wait(following, return_when=asyncio.FIRST_COMPLETED)
            for task in following:
                if task.done():
                    task.result()
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            await partitions.stop()
            await transactions.close()
            await consumer.stop()
            if items is not None:
                await items.stop()
                store.close()

    def _consuming(self) -> dict[str, Any]:
        settings = self._settings
        return {
            **self._connection(),
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
            "max_partition_fetch_bytes": FETCH_BYTES,
            "max_poll_interval_ms": NEVER_MS,
            "rebalance_timeout_ms": int(settings.rebalance_timeout * 1000),
            "session_timeout_ms": int(settings.session_timeout * 1000),
            "heartbeat_interval_ms": int(
                1000 * min(settings.session_timeout, settings.rebalance_timeout) / HEARTBEATS
            ),
        }

    def _producer(self, transactional_id: str | None) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._connection(),
            acks="all",
            transactional_id=transactional_id,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            retry_backoff_ms=RETRY_MS,
        )

    def _connection(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._settings.broker,
            "client_id": f"{intake_group(self._settings)}-{socket.gethostname()}",
            "metadata_max_age_ms": METADATA_MS,
            **Security.of(self._settings).aiokafka(),
        }


def _described(settings: Settings, topic: str) -> tuple[str, int]:
    return topic_id_of(settings, topic), partitions_of(settings, topic)[0]


def create_intake(settings: Settings) -> ClientApp:
    """The intake's app.

    Raises:
        SettingsError: The mapping is wrong, or no topic is named.
    """
    mapping = mapping_of(settings, titled=not settings.catalogue)
    sources = topics_of(settings, mapping)
    if not sources:
        raise SettingsError(
            "JOURNEYS_INPUT_TOPICS: `journeys intake` is to read topics, and neither this nor a "
            "mapping names one"
        )
    topics = Topics.of(settings)
    for source in sources:
        if source in topics.all():
            raise SettingsError(f"JOURNEYS_INPUT_TOPICS: {source} is a topic of our own")
    group = intake_group(settings)
    app = ClientApp(group, **faust_settings(settings, group, "kafka"))
    intake = Intake(app, settings, mapping, sources)
    app.tracing = tracing_of("intake")
    app.health = intake.health
    app.task(intake.run)
    app.on_before_shutdown.connect(lambda *_, **__: intake.stop(), weak=False)
    return app


def run(settings: Settings) -> None:
    """Run the intake until it is told to stop; ends the process.

    Raises:
        BrokerError: No broker answers.
        SettingsError: A topic is missing, a setting or the mapping is wrong, the port is taken.
    """
    app = create_intake(settings)
    topics = Topics.of(settings)
    sources = topics_of(settings, mapping_of(settings, titled=not settings.catalogue))
    needed = (topics.items, topics.waiting) if settings.catalogue else ()
    partitions_of(settings, *sources, topics.activities, topics.rejects, *needed)
    run_service(app, settings)
