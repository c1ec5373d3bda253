"""A Faust transport that fails fast: when its Kafka consumer can read no more, the app ends.

The client keeps a failure for whoever asks it next, and Faust does not ask: without this, a group
that refuses a member (an authorisation that is missing, a session that is too long for the broker)
leaves a service that runs and does nothing.
"""

import asyncio
from typing import Any, ClassVar, Final

import aiokafka
from aiokafka.conn import AIOKafkaConnection, CloseReason
from faust.transport.drivers import aiokafka as driver

from models.errors import BrokerError
from streams.kafka.preflight import refusal

REFUSED_SECONDS: Final = 1.0  # between two tries to join while the app stops


class FailFastThread(driver.AIOKafkaConsumerThread):
    """The thread that talks to the group's coordinator and fetches."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust does so only where it writes transactions itself.
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Faust's hook: the Kafka consumer starts; what ends it is noticed from now on."""
        await super().on_start()
        kafka = self._ensure_consumer()
        for task in (kafka._coordinator._coordination_task, kafka._fetcher._fetch_task):
            task.add_done_callback(self._ended)
        kafka._coordinator._push_error_to_user = self._refused
        closed = kafka._client._on_connection_closed

        def noticed(connection: AIOKafkaConnection, reason: CloseReason | None) -> None:
            closed(connection, reason)
            if reason is CloseReason.AUTH_FAILURE:  # the client would try again for ever
                place = f"{connection.host}:{connection.port}"
                self._crash_app(BrokerError(f"the broker at {place} takes our credentials no more"))

        kafka._client._on_connection_closed = noticed

    def _ended(self, task: asyncio.Task[None]) -> None:
        """One of the consumer's own tasks has ended; nobody else would notice if it failed."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crash_app(error)

    async def _refused(self, error: BaseException) -> None:
        """The group does not take us, for good."""
        self._crash_app(error)
        await asyncio.sleep(REFUSED_SECONDS)

    def _crash_app(self, error: BaseException) -> None:
        if not isinstance(error, BrokerError):
            said = refusal(error) or repr(error)
            error = BrokerError(f"the broker does not let us read: {said}")
        asyncio.run_coroutine_threadsafe(self.app.crash(error), self.app.loop)


class FailFastConsumer(driver.Consumer):
    """Faust's consumer, in such a thread."""

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return FailFastThread(self, loop=self.loop, beacon=self.beacon)


class FailFastTransport(driver.Transport):
    """Faust's Kafka transport with that consumer."""

    Consumer: ClassVar[type[Any]] = FailFastConsumer
