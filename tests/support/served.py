"""A server of aiohttp on a port of its own, which a test stops and starts again."""

from typing import Self

from aiohttp import web

from streams.demo.broker import free_port


class Served:
    """What it serves is `app`, made anew at each start."""

    def __init__(self) -> None:
        self.port = free_port()
        self._runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        """Its routes."""
        raise NotImplementedError

    async def start(self) -> Self:
        self._runner = web.AppRunner(self.app(), shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
