"""Around the naming queue: requests as events, and a namer that waits to be told."""

import asyncio
from types import SimpleNamespace

from faust.types import TP

from models.naming.namer import Tally
from models.records import JourneyName, NamingRequest, encode
from tests.support.naming import request


class FakeEvent:
    """A record of `naming-requests`; its acknowledgement is noted."""

    def __init__(self, value: bytes, offset: int, partition: int, acked: list[int]) -> None:
        tp = TP("naming-requests", partition)
        self.message = SimpleNamespace(
            tp=tp, partition=partition, offset=offset, timestamp=float(offset)
        )
        self.value = value
        self._acked = acked

    def ack(self) -> bool:
        self._acked.append(self.message.offset)
        return True


class FakeNamer:
    """Answers when it is told to.

    Attributes:
        asked: Journeys, as often as their names were asked for.
        errors: What it raises at each try, by journey, before it answers.
        open: Whether it answers at once; else `let` does.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.asked: list[str] = []
        self.errors: dict[str, list[BaseException]] = {}
        self.open = False
        self._told: dict[str, asyncio.Event] = {}

    async def name(self, request: NamingRequest) -> JourneyName:
        self.asked.append(request.journey_id)
        if errors := self.errors.get(request.journey_id):
            raise errors.pop(0)
        if not self.open:
            await self._told.setdefault(request.journey_id, asyncio.Event()).wait()
        return request.answered(f"Name of {request.journey_id}")

    async def let(self, *journeys: str) -> None:
        """Answer for these journeys, one after the other, and let that be dealt with."""
        for journey in journeys:
            self._told.setdefault(journey, asyncio.Event()).set()
            await settle()

    def trouble(self) -> str | None:
        return None

    async def close(self) -> None:
        """There is nothing to close."""


async def settle() -> None:
    """Let all that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def asking(journey: str, revision: int = 1) -> bytes:
    """The value of a request for a journey's name."""
    return encode(request(journey_id=journey, revision=revision))
