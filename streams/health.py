"""Health: what a container platform and Prometheus ask, and the end of a worker that stalls.

`/healthz` answers while the event loop turns, `/readyz` once state is recovered and for as long as
activities that wait are being handled, `/metrics` in Prometheus's text form.
"""

import time
from typing import Any, Final

from aiohttp import web
from mode import Service

from models.errors import JourneysError
from streams.settings import Settings

CHECK_SECONDS: Final = 1.0

# A batch takes a second or so, and one of nothing but new titles tens of seconds; recovery reads
# thousands of records a second. Who shows no progress for this long has hung, and a restart helps.
STALL_SECONDS: Final = 120.0


class StalledError(JourneysError):
    """The worker has work and does none."""


class Health(Service):
    """The endpoint, and the watch over progress.

    Args:
        app: The worker's app.
        settings: Host and port.

    Attributes:
        port: Where it listens, once started.
    """

    def __init__(self, app: Any, settings: Settings) -> None:
        super().__init__()
        self.port = settings.web_port
        self._app = app
        self._host = settings.web_host
        self._runner: web.AppRunner | None = None
        self._seen: object = None
        self._progress_at = time.monotonic()

    async def on_start(self) -> None:
        """Listen."""
        site = web.Application()
        site.router.add_get("/healthz", self._healthz)
        site.router.add_get("/readyz", self._readyz)
        site.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(site, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def silent_seconds(self) -> float:
        """For how long there has been work and no progress."""
        return time.monotonic() - self._progress_at

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(CHECK_SECONDS)
            progress = self._progress()
            if progress is None or progress != self._seen:
                self._seen, self._progress_at = progress, time.monotonic()
            elif self.silent_seconds > STALL_SECONDS:
                await self._app.crash(StalledError(
                    f"no progress for {self.silent_seconds:.0f} s: {progress}"))
                return

    def _progress(self) -> object:
        """Something that changes as work goes on; None when there is no work."""
        app = self._app
        if app.rebalancing:
            return ("recovery", app.rebalancing_count,
                    dict(app.tables.recovery.active_offsets))
        behind = {number: (lag, app.worker.partitions[number].mark.offset)
                  for number in list(app.worker.partitions) if (lag := app.clock.lag(number))}
        return ("activities", {n: offset for n, (_, offset) in behind.items()}) if behind else None

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        app = self._app
        if app.rebalancing or not app.tables.recovery.completed.is_set():
            return web.Response(status=503, text="recovering\n")
        if self.silent_seconds > STALL_SECONDS / 2:
            return web.Response(status=503, text=f"silent for {self.silent_seconds:.0f} s\n")
        return web.Response(text=f"ready, {len(app.worker.partitions)} partitions\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._app.metrics.text(),
                            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
