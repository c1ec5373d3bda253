"""An endpoint that gets webhooks, checks them by the standard's library, and fails on demand."""

import asyncio
import base64
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiohttp import web
from standardwebhooks import Webhook

from tests.support.served import Served
from tests.support.workers import WorkerProcess

SECRET: Final = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
OLD_SECRET: Final = f"whsec_{base64.b64encode(bytes(range(24))).decode()}"

Behaviour = Callable[["Received"], Awaitable[web.StreamResponse | None]]


class Received(NamedTuple):
    """A request whose signature is right.

    Attributes:
        webhook_id: Of its headers.
        body: As it came.
        event: The CloudEvent.
        tries: How many of this id came before.
    """

    webhook_id: str
    body: bytes
    event: dict[str, Any]
    tries: int


class Endpoint(Served):
    """A receiver.

    Attributes:
        behave: Called for every request; None, or None from it: taken.
        taken: What was answered with 204, in order.
        tries: Requests by webhook id.
        busiest: Most requests under way at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.behave: Behaviour | None = None
        self.taken: list[Received] = []
        self.tries: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.busiest = 0
        self._busy = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/s3cret?token=s3cret"

    @property
    def ids(self) -> list[str]:
        """Of the changes that were taken, in order, repeats included."""
        return [one.event["id"] for one in self.taken]

    def by_user(self) -> dict[str, list[str]]:
        """The same by user, each change once."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self.taken:
            if one.event["id"] not in found[one.event["subject"]]:
                found[one.event["subject"]].append(one.event["id"])
        return dict(found)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/hook/s3cret", self._hook)
        return app

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        body, headers = await request.read(), dict(request.headers)
        Webhook(SECRET).verify(body, headers)  # raises: a request that no receiver would take
        assert headers["Content-Type"] == "application/cloudevents+json; charset=UTF-8"
        number = headers["webhook-id"]
        received = Received(number, body, json.loads(body), self.tries[number])
        self.tries[number] += 1
        self.headers.append(headers)
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            answer = await self.behave(received) if self.behave else None
        finally:
            self._busy -= 1
        if answer is not None:
            return answer
        self.taken.append(received)
        return web.Response(status=204)


class WebhookProcess(WorkerProcess):
    """`journeys webhook` in a process of its own."""

    command = "webhook"


async def hang(_: Received) -> None:
    """No answer, ever."""
    await asyncio.sleep(3_600)


def says(status: int, text: str = "", **headers: str) -> web.Response:
    """An answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, text=text, headers=named)


def always(status: int, text: str = "", **headers: str) -> Behaviour:
    """Always this answer."""

    async def behave(_: Received) -> web.Response:
        return says(status, text, **headers)

    return behave


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    one = await Endpoint().start()
    try:
        yield one
    finally:
        await one.stop()
