"""A naming server in a thread of its own, that fails when told to."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from tests.support.vllm_stub import Behaviour, Stub

WAYS: Final = ("gone", "hung", "garbage", "slow", "refusing")


class NamingServer:
    """Runs while the block does.

    Attributes:
        url: Where it is.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stub = Stub()
        self._gone = False
        self.url = self._stub.url

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._stub.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._stub.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fail(self, way: str) -> None:
        """Fail in one of `WAYS`."""
        if way == "gone":
            self._do(self._stub.stop())
            self._gone = True
        else:
            self._stub.behave = _BEHAVIOURS[way]

    def mend(self) -> None:
        """Answer again."""
        self._stub.behave = None
        if self._gone:
            self._do(self._stub.start())
            self._gone = False

    def _do(self, what: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(30)


async def _hang(_: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    await asyncio.sleep(600)
    return web.Response()


async def _garbage(_: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    return web.Response(body=b"\x00\xff{" * 1_000, content_type="application/json")


async def _slow(_: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    await asyncio.sleep(2)
    return web.json_response({"choices": [{"message": {"content": "Slow names"}}]})


async def _refuse(_: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    return web.json_response({"error": {"message": "busy"}}, status=503)


_BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "hung": _hang,
    "garbage": _garbage,
    "slow": _slow,
    "refusing": _refuse,
}
