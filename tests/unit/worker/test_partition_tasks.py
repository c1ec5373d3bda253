"""What a lane does with a batch that fails: it is tried again only where that may help."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError
from faust.types import TP

from models import errors
from models.errors import BrokerError, GapError, JourneysError, StateTooLargeError, may_pass
from streams.service.metrics import WORKER, Metrics
from streams.worker import lanes


class Stream:
    """One batch, and whether it was acknowledged."""

    def __init__(self) -> None:
        tp = TP("activity-events", 0)
        message = SimpleNamespace(tp=tp, partition=0, offset=41, generation_id=1, value=[])
        self.event = SimpleNamespace(message=message)
        self.acknowledged = False

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        yield self.event
        await asyncio.sleep(0.05)

    async def ack(self, event: Any) -> None:
        self.acknowledged = event is self.event


async def tries(monkeypatch: pytest.MonkeyPatch, error: Exception) -> tuple[int, Any, bool]:
    """Have a batch fail once; returns how often it was tried, the app's end, if it was done."""
    monkeypatch.setattr(lanes, "RETRY_SECONDS", (0.001, 0.001))
    tried, ended, stream = [], [], Stream()

    async def handle(message: Any) -> bool:
        tried.append(message.offset)
        if len(tried) == 1:
            raise error
        return True

    async def crash(reason: BaseException) -> None:
        ended.append(reason)

    app: Any = SimpleNamespace(crash=crash)
    ownership: Any = SimpleNamespace(consumer=None)
    await lanes.Lanes(app, ownership, Metrics(WORKER)).agent(handle)(stream)
    return len(tried), ended, stream.acknowledged


@pytest.mark.parametrize("error", [StateTooLargeError("4 MB of a user"), GapError("offset 3 to 9")])
async def test_what_does_not_pass_is_tried_once(
    monkeypatch: pytest.MonkeyPatch, error: JourneysError
) -> None:
    assert await tries(monkeypatch, error) == (1, [error], False)


@pytest.mark.parametrize(
    "error", [BrokerError("no broker at :9092"), NotLeaderForPartitionError(), OSError("reset")]
)
async def test_what_may_pass_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert await tries(monkeypatch, error) == (2, [], True)


def classes(base: type[JourneysError]) -> list[type[JourneysError]]:
    return [base, *(found for child in base.__subclasses__() for found in classes(child))]


@pytest.mark.parametrize("error", classes(JourneysError))
def test_every_error_stands_in_the_tree(error: type[JourneysError]) -> None:
    if error.__module__.startswith(("models", "streams")):
        assert error.__module__ == errors.__name__
        assert f" {error.__name__} " in (errors.__doc__ or "") or error is JourneysError


def test_only_what_says_so_passes() -> None:
    assert not may_pass(JourneysError("one line"))
    assert may_pass(BrokerError("no broker"))
