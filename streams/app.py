"""The Faust app of the worker, put together: start reading here.

    transport ─► worker (read ► embed ► assign ► publish) ─► changelog
                    └─ state of users: table, store, state

Names are given to everything that Faust would name after a Python path, so that no module's place
is on the wire.
"""

import gc
import os
import socket
from typing import Any, Final

import faust
from mode import Service

from models.encoder import Encoder, VectorCache
from streams.health import Health
from streams.metrics import Metrics
from streams.settings import Settings
from streams.state import BATCH_BYTES
from streams.table import Tables, UserTable
from streams.worker import Worker

BATCH_MARGIN: Final = 20_000  # of a record batch: its own header, and what is estimated low
BUFFERED_BATCHES: Final = 4  # fetched and waiting for the agents
COMMIT_SECONDS: Final = 1.0

# User state is long-lived and free of cycles. With Python's thresholds, looking through all of it
# again and again while it grows takes a tenth of the worker's time.
GC_THRESHOLDS: Final = (50_000, 20, 100)

HEARTBEATS: Final = 6  # in the time after which a silent worker's partitions may move


class _Boot(faust.app.BootStrategy):
    """Faust's start, with the health endpoint first: it must answer while state is recovered."""

    def sensors(self) -> Any:
        return [*super().sensors(), self.app.health]  # type: ignore[attr-defined]


class App(faust.App):
    """The worker's app.

    Attributes:
        worker: Handles the batches.
        metrics: What it counts.
        health: Its endpoint.
    """

    BootStrategy = _Boot
    worker: Worker
    metrics: Metrics
    health: Service

    async def on_start(self) -> None:
        """Faust's hook; the garbage collector is told what kind of process this is."""
        gc.set_threshold(*GC_THRESHOLDS)
        await super().on_start()

    def _create_directories(self) -> None:
        """Faust's are not used; the stores make theirs."""


def create_app(settings: Settings | None = None, cache: VectorCache | None = None) -> App:
    """A fresh app.

    Args:
        settings: From the environment if None. `partitions` must be those of the topics.
        cache: Item vectors; the encoder of the settings is opened if None.

    Raises:
        ModelError: The encoder cannot be opened.
    """
    settings = settings or Settings.load()
    if cache is None:
        cache = VectorCache(
            Encoder.open(settings.encoder, threads=settings.encoder_threads,
                         batch=settings.encoder_batch), settings.cached_vectors)
    moves_after = min(settings.session_timeout, settings.rebalance_timeout)
    app = App(
        settings.group,
        broker=";".join(f"batch://{address}" for address in settings.broker.split(",")),
        broker_client_id=f"{settings.group}-{socket.gethostname()}-{os.getpid()}",
        broker_commit_interval=COMMIT_SECONDS,
        broker_heartbeat_interval=moves_after / HEARTBEATS,
        broker_max_poll_records=settings.batch_records,
        broker_rebalance_timeout=settings.rebalance_timeout,
        broker_session_timeout=settings.session_timeout,
        broker_request_timeout=max(30.0, 2 * settings.session_timeout),
        producer_acks=-1,
        producer_linger_ms=0,
        producer_max_batch_size=BATCH_BYTES + BATCH_MARGIN,
        producer_request_timeout=max(10.0, settings.session_timeout),
        stream_buffer_maxsize=BUFFERED_BATCHES,
        stream_wait_empty=True,
        table_standby_replicas=settings.standby_replicas,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        TableManager=Tables,
        datadir=settings.data_dir / settings.group,
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.metrics = Metrics()
    table = UserTable(
        app, name="users", topic=f"{settings.topic_prefix}{settings.group}-users-changelog",
        partitions=settings.partitions,
        folder=settings.data_dir / settings.group if settings.store == "rocksdb" else None,
        on_recovered=lambda active: app.worker.recovered(active), beacon=app.tables.beacon)
    app.tables.add(table)
    app.worker = Worker(app, settings, table, cache, app.metrics)
    app.worker.register()
    app.health = Health(app, settings)
    return app


def __getattr__(name: str) -> Any:
    """`faust -A streams.app:app worker`: an app with the settings of the environment."""
    if name == "app":
        return create_app()
    raise AttributeError(name)
