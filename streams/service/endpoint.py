"""What a container platform and Prometheus ask a service over HTTP.

`/healthz` says whether a service lives: its event loop turns, and it is not stuck by a fault of its
own, which a restart may mend. `/readyz` says whether anything is in the way of work, whoever's
fault it is; `/metrics` is in Prometheus's text form.
"""

from typing import NamedTuple

from aiohttp import web
from mode import Service

from streams.service.listening import listen
from streams.service.metrics import CONTENT_TYPE, Metrics
from streams.settings import Settings


class Readiness(NamedTuple):
    """Whether a service can work, and a line on how it stands."""

    ready: bool
    line: str


class Endpoint(Service):
    """The server; a service's own says in `readiness` how it stands.

    Args:
        settings: Where to listen.
        port: Where, if the settings do not say.
        metrics: What `/metrics` shows.

    Attributes:
        port: Where it listens, once started.
    """

    def __init__(self, settings: Settings, port: int, metrics: Metrics) -> None:
        super().__init__()
        self.port = port if settings.web_port is None else settings.web_port
        self._host = settings.web_host
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    def readiness(self) -> Readiness:
        """How the service stands now; must not block."""
        raise NotImplementedError

    def liveness(self) -> Readiness:
        """Whether it lives; not so when it hangs while all that it needs is there."""
        return Readiness(True, "alive")

    def measure(self) -> None:
        """Called before metrics are shown: the time to set gauges."""

    def check(self) -> None:
        """Find out before Faust does, which says it in a hundred lines.

        Raises:
            SettingsError: The port is taken, or the address is not this machine's.
        """
        listen(self._host, self.port).close()

    async def on_start(self) -> None:
        """Listen."""
        site = web.Application()
        site.router.add_get("/healthz", self._alive)
        site.router.add_get("/readyz", self._ready)
        site.router.add_get("/metrics", self._shown)
        self._runner = web.AppRunner(site, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return _response(self.liveness())

    async def _ready(self, _: web.Request) -> web.Response:
        return _response(self.readiness())

    async def _shown(self, _: web.Request) -> web.Response:
        self.measure()
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _response(standing: Readiness) -> web.Response:
    return web.Response(status=200 if standing.ready else 503, text=f"{standing.line}\n")
