"""The Faust app of the worker, put together: start reading here.

    transport ─► partition_tasks ─► batches (read ► embed ► assign) ─► commit ─► topics, changelog
                           clock ─────┘ └── users: state ────────────────┘

What it shares with the namer, its start and end among it, is in `streams.service.app`.
"""

import asyncio
import gc
import tempfile
from typing import Any, Final

from mode import CrashingSupervisor

from models.encoders.cache import VectorCache
from models.engine.engine import Engine
from models.errors import SettingsError
from streams.encoding import encoder_of
from streams.kafka.admin import partitions_of, side_by_side, topic_id_of
from streams.kafka.messages import Batches
from streams.kafka.transport import Consumer
from streams.service.app import ServiceApp, faust_settings, run_service
from streams.service.metrics import WORKER, Metrics
from streams.service.tracing import tracing_of
from streams.settings import Settings
from streams.state.partition import BATCH_BYTES
from streams.state.recovery import Tables
from streams.state.table import UserTable
from streams.state.vectors import stored_vectors
from streams.topics import Topics, changelog_of
from streams.worker.batches import Worker
from streams.worker.clock import Clock
from streams.worker.health import Health
from streams.worker.partition_tasks import PartitionTasks

BATCH_MARGIN: Final = 20_000  # of a record batch: its own header, and what is estimated low
BUFFERED_BATCHES: Final = 4  # fetched and waiting for the agents
FETCH_BYTES: Final = 2 << 20  # of a partition at once: some ten thousand activities
METADATA_MS: Final = 10_000  # until partitions that were added to a topic are noticed

# User state is long-lived and free of cycles. With Python's thresholds, looking through all of it
# again and again while it grows takes a tenth of the worker's time.
GC_THRESHOLDS: Final = (50_000, 20, 100)


class App(ServiceApp):
    """The worker's app.

    Attributes:
        consumer: Ours, of the transport.
        tables: Ours, with their recovery.
        worker: Handles the batches.
        clock: Lets time pass.
        metrics: What they count.
    """

    consumer: Consumer
    tables: Tables
    worker: Worker
    clock: Clock
    metrics: Metrics

    _generation = 0

    @property
    def consumer_generation_id(self) -> int:
        """Counts the assignments that this process got.

        The coordinator's number, which Faust sets here, need not rise with each: a member that
        joins again may be told what it was told before. What belongs to an earlier assignment must
        still be known from what belongs to this one.
        """
        return self._generation

    @consumer_generation_id.setter
    def consumer_generation_id(self, generation: int) -> None:
        self._generation += 1

    async def on_start(self) -> None:
        """Faust's hook; the garbage collector is told what kind of process this is."""
        gc.set_threshold(*GC_THRESHOLDS)
        await super().on_start()

    async def on_stop(self) -> None:
        """Faust's hook; the encoder's threads end."""
        await super().on_stop()
        self.worker.pool.close()


def create_app(
    settings: Settings | None = None, cache: VectorCache | None = None, engine: Engine | None = None
) -> App:
    """A fresh app.

    Args:
        settings: From the environment if None. `partitions` must be those of the topics.
        cache: Item vectors; the encoder of the settings is opened if None.
        engine: Decides over users; ours, by the settings, if None.

    Raises:
        ModelError: The encoder cannot be opened.
        RegistryError: The schema registry is away, and changes are to be written by its schemas.
        SettingsError: It refuses them, or us.
    """
    settings = settings or Settings.load()
    if cache is None:
        # Its runs have a thread each: so many at once get more done than one with many threads.
        encoder = encoder_of(settings, threads=1)
        stored = stored_vectors(settings, encoder) if settings.store == "rocksdb" else None
        cache = VectorCache(encoder, settings.cached_vectors, stored)
    app = App(settings.group, **_conf(settings))
    app.metrics = Metrics(WORKER)
    folder = settings.data_dir / settings.group if settings.store == "rocksdb" else None
    changelog = changelog_of(settings)
    table = UserTable(
        app,
        name="users",
        topic=changelog,
        partitions=settings.partitions,
        folder=folder,
        compression=settings.state_compression,
        beacon=app.tables.beacon,
        on_recovered=lambda active: app.worker.recovered(active),
        changelog_id=lambda: asyncio.to_thread(topic_id_of, settings, changelog),
    )
    app.tables.add(table)
    app.tracing = tracing_of("worker")
    app.worker = worker = Worker(
        app, settings, table, cache, app.metrics, engine=engine, tracing=app.tracing
    )
    tasks = PartitionTasks(app, app.metrics)
    for name, topic, agent in (
        ("activities", worker.topics.activities, tasks.agent(worker.activities, worker.ahead)),
        ("names", worker.topics.names, tasks.agent(worker.names)),
        ("erasures", worker.topics.erasures, tasks.agent(worker.erasures)),
    ):
        app.agent(
            app.topic(topic, schema=Batches(), partitions=settings.partitions),
            name=name,
            supervisor_strategy=CrashingSupervisor,
        )(agent)
    app.clock = Clock(app, worker, settings, app.metrics)
    app.task(app.clock.run)
    app.health = Health(app, settings)
    return app


def _conf(settings: Settings) -> dict[str, Any]:
    """Faust's settings."""
    return faust_settings(settings, settings.group, "batch") | {
        "broker_max_poll_records": settings.batch_records,
        "consumer_max_fetch_size": FETCH_BYTES,
        "consumer_metadata_max_age_ms": METADATA_MS,
        "producer_linger_ms": 0,
        "producer_metadata_max_age_ms": METADATA_MS,
        "producer_max_batch_size": BATCH_BYTES + BATCH_MARGIN,
        "producer_request_timeout": max(10.0, settings.session_timeout),
        "stream_buffer_maxsize": BUFFERED_BATCHES,
        "stream_wait_empty": True,
        "table_standby_replicas": settings.standby_replicas,
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replication,
        "TableManager": Tables,
        "datadir": settings.data_dir / settings.group,
    }


def run(settings: Settings) -> None:
    """Run the worker until it is told to stop; ends the process.

    Raises:
        BrokerError: No broker answers.
        SettingsError: Topics are missing or do not fit together, a port is taken, a folder cannot
            be written.
        ModelError: The encoder cannot be opened.
        RegistryError: The schema registry is away, and changes are to be written by its schemas.
    """
    topics = Topics.of(settings)
    partitions_of(settings, *topics.of_worker())
    partitions = side_by_side(settings, *topics.side_by_side())
    _check_place(settings)
    app = create_app(settings.model_copy(update={"partitions": partitions}))
    run_service(app, settings)


def _check_place(settings: Settings) -> None:
    """Find out before Faust does, which says it in a hundred lines."""
    try:
        if settings.store == "rocksdb":
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=settings.data_dir).close()
    except OSError as error:
        raise SettingsError(f"JOURNEYS_DATA_DIR: {error}") from None


def __getattr__(name: str) -> Any:
    """`faust -A streams.worker.app:app worker`: an app with the settings of the environment."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
