"""The service of users' rows, put together: `journeys` in, `user-journeys` out.

It lives in a Faust app like worker and namer, for its start, end and endpoint; it reads and writes
by clients of its own, in one thread, one thing after another.
"""

import asyncio
import threading

from streams.kafka.admin import partitions_of
from streams.service.app import ClientApp, ServiceApp, faust_settings, run_service
from streams.service.metrics import USERS, Metrics
from streams.settings import Settings
from streams.topics import Topics
from streams.users.follow import RowKeeper, users_group
from streams.users.health import Health
from streams.users.store import Rows, opened


def create_users(settings: Settings, store: Rows) -> ServiceApp:
    """The app; it keeps its copy in this store."""
    group = users_group(settings)
    metrics, stopped = Metrics(USERS), threading.Event()
    keeper = RowKeeper(settings, store, metrics)
    app = ClientApp(group, **faust_settings(settings, group, "kafka"))
    app.health = Health(settings, keeper, metrics)
    running: list[asyncio.Task[None]] = []

    def keep() -> None:
        try:
            keeper.run(stopped)
        finally:
            store.close()  # this thread's connection

    async def run() -> None:
        running.append(asyncio.create_task(asyncio.to_thread(keep)))
        try:
            await asyncio.shield(running[0])
        except asyncio.CancelledError:
            return
        except Exception as error:
            await app.crash(error)

    async def stop(*_: object, **__: object) -> None:
        stopped.set()
        await asyncio.gather(*running, return_exceptions=True)

    app.task(run)
    app.on_before_shutdown.connect(stop, weak=False)
    return app


def run(settings: Settings) -> None:
    """Run it until it is told to stop; ends the process.

    Raises:
        BrokerError: No broker answers.
        SettingsError: A topic is missing, or the port is taken.
        SnapshotError: The copy cannot be opened.
    """
    topics = Topics.of(settings)
    partitions_of(settings, topics.journeys, topics.user_journeys)
    with opened(settings) as store:
        run_service(create_users(settings, store), settings)
