"""A consumer that can read no more ends the app with one line."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.conn import CloseReason
from aiokafka.errors import GroupAuthorizationFailedError
from faust.transport.drivers import aiokafka as driver

from models.errors import BrokerError
from streams.kafka.failfast import FailFastThread

BROKER: Any = SimpleNamespace(host="kafka", port=9093)


class App:
    """Notes what it is ended by."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.reasons: list[BaseException] = []

    async def crash(self, reason: BaseException) -> None:
        self.reasons.append(reason)


class Running:
    """A thread that has started, the client below it, and the app above."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.closed: list[object] = []
        self.fetching = asyncio.get_running_loop().create_future()
        client = SimpleNamespace(_on_connection_closed=lambda *seen: self.closed.append(seen))
        self.kafka = SimpleNamespace(
            _client=client,
            _coordinator=SimpleNamespace(_coordination_task=asyncio.Future()),
            _fetcher=SimpleNamespace(_fetch_task=self.fetching),
        )
        self.app: Any = App()
        self.thread = cast(Any, FailFastThread.__new__(FailFastThread))
        self.thread.app = self.app

        async def started(_: object) -> None:
            """Faust's part of the start."""

        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_start", started)
        monkeypatch.setattr(FailFastThread, "_ensure_consumer", lambda _: self.kafka)

    async def said(self) -> list[str]:
        await asyncio.sleep(0.01)
        assert all(isinstance(reason, BrokerError) for reason in self.app.reasons)
        return [str(reason) for reason in self.app.reasons]


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    running = Running(monkeypatch)
    await running.thread.on_start()
    return running


async def test_a_password_that_is_good_no_more(running: Running) -> None:
    told = running.kafka._client._on_connection_closed
    told(BROKER, CloseReason.CONNECTION_BROKEN)
    assert await running.said() == []
    told(BROKER, CloseReason.AUTH_FAILURE)
    assert await running.said() == ["the broker at kafka:9093 takes our credentials no more"]
    assert len(running.closed) == 2, "the client is told, too"


async def test_a_fetcher_that_ends(running: Running) -> None:
    running.fetching.set_exception(ValueError("unheard of"))
    assert await running.said() == ["the broker does not let us read: ValueError('unheard of')"]


async def test_a_group_that_takes_us_not(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.failfast.REFUSED_SECONDS", 0.0)
    await running.kafka._coordinator._push_error_to_user(GroupAuthorizationFailedError("g"))
    assert await running.said() == [
        "the broker does not let us read: no right to the consumer group (g): an ACL is missing"
    ]
