"""The monitor's web application, and its run.

Two threads read Kafka, one into the store, one for how the services stand; requests are answered
from the store, so any number of people may look. Several instances may run side by side: each has
a store of its own, or they share a folder.
"""

import asyncio
import functools
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import uvicorn
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.static_files import create_static_files_router

from models.errors import JourneysError, QuestionError, SettingsError, UnknownError
from streams.encoding import encoder_of
from streams.monitor.api import Api
from streams.monitor.live import News, live
from streams.monitor.vitals import Vitals, Watcher, measured
from streams.query.follow import Follower
from streams.query.store import Store, opened
from streams.service.listening import listen
from streams.service.metrics import CONTENT_TYPE
from streams.settings import Settings
from streams.settings.services import MONITOR_PORT

PAGE: Final = Path(__file__).with_name("page")
COOKIE: Final = "journeys_token"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Guard: TypeAlias = Callable[[Connection, BaseRouteHandler], None]

_log = logging.getLogger(__name__)


@get("/healthz", media_type=MediaType.TEXT, opt={"open": True}, sync_to_thread=False)
def alive() -> str:
    """Whether requests are answered."""
    return "alive\n"


@get("/readyz", media_type=MediaType.TEXT, opt={"open": True}, sync_to_thread=False)
def ready(state: State) -> Response[str]:
    """Whether the store holds all that there was at the start, and the broker answers."""
    follower: Follower = state.follower
    watcher: Watcher = state.watcher  # a consumer waits in silence for a broker that is away
    begun = "ready" if follower.complete.is_set() else "reading the topics"
    line = follower.trouble or watcher.vitals.trouble or begun
    return Response(f"{line}\n", status_code=200 if line == "ready" else 503)


@get("/metrics", opt={"open": True}, sync_to_thread=False)
def shown(state: State) -> Response[bytes]:
    """How the services stand, for Prometheus; nothing of people."""
    return Response(measured(state.watcher.vitals).text(), media_type=CONTENT_TYPE)


class Token(msgspec.Struct):
    """What somebody says the token is."""

    token: str


@post("/session", opt={"open": True}, status_code=204, sync_to_thread=False, tags=["service"])
def sign_in(data: Token) -> Response[None]:
    """Keep the token in a cookie for a browser; whether it is right is seen when it asks."""
    cookie = Cookie(COOKIE, value=data.token, httponly=True, samesite="strict")
    return Response(None, cookies=[cookie])


@get("/api/vitals", sync_to_thread=False, tags=["service"])
def vitals(state: State) -> Vitals:
    """How the services stand: lag, throughput, names that wait, rejects by reason."""
    watcher: Watcher = state.watcher
    return watcher.vitals


def create_app(settings: Settings, store: Store, failed: Callable[[Exception], None]) -> Litestar:
    """The application.

    Args:
        settings: All of them.
        store: Where it keeps what it reads.
        failed: Told what ended one of its threads.
    """

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        stopped = threading.Event()
        app.state.news = news = News()
        app.state.store = store
        app.state.encoder = functools.cache(lambda: encoder_of(settings, threads=1))
        app.state.follower = Follower(settings, store, news.tell)
        app.state.watcher = Watcher(settings)
        threads = [
            threading.Thread(target=_until, args=(part.run, stopped, failed), name=name)
            for name, part in (("follow", app.state.follower), ("watch", app.state.watcher))
        ]
        for thread in threads:
            thread.start()
        yield
        stopped.set()
        for thread in threads:
            await asyncio.to_thread(thread.join)

    page = create_static_files_router("/", [PAGE], html_mode=True, opt={"open": True})
    return Litestar(
        [Api, live, vitals, alive, ready, shown, sign_in, page],
        lifespan=[running],
        guards=[_guard(settings)],
        exception_handlers={
            UnknownError: functools.partial(_told, 404),
            QuestionError: functools.partial(_told, 400),
            JourneysError: functools.partial(_told, 503),
        },
        openapi_config=OpenAPIConfig(
            "Interest journeys",
            "1",
            path="/schema",
            use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin()],  # the others load their scripts from elsewhere
        ),
        after_request=_with_headers,
        logging_config=None,
    )


def run(settings: Settings, announce: Callable[[str], None] = _log.info) -> None:
    """Run the monitor until it is told to stop.

    Args:
        settings: All of them.
        announce: Told where it listens.

    Raises:
        SettingsError: The port is taken, or it is open to others and has no token.
        JourneysError: What ended it.
    """
    port = MONITOR_PORT if settings.web_port is None else settings.web_port
    if settings.web_host not in LOOPBACK and settings.web_token is None:
        raise SettingsError(
            f"JOURNEYS_WEB_HOST: {settings.web_host} is open to others, and what people are "
            "interested in is nobody's business: set JOURNEYS_WEB_TOKEN, too"
        )
    with listen(settings.web_host, port) as listening, opened(settings) as store:
        errors: list[Exception] = []

        def failed(error: Exception) -> None:
            errors.append(error)
            server.should_exit = True

        app = create_app(settings, store, failed)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=2
        )
        server = uvicorn.Server(config)
        announce(f"http://{settings.web_host}:{listening.getsockname()[1]}/")
        server.run([listening])
    if errors:
        raise errors[0]


def _until(
    run: Callable[[threading.Event], None],
    stopped: threading.Event,
    failed: Callable[[Exception], None],
) -> None:
    try:
        run(stopped)
    except Exception as error:  # whatever it is: without this thread, answers would grow old
        failed(error)


def _guard(settings: Settings) -> Guard:
    wanted = settings.web_token.get_secret_value() if settings.web_token else None
    local = settings.web_host in LOOPBACK

    def check(connection: Connection, handler: BaseRouteHandler) -> None:
        if local and connection.base_url.hostname not in LOOPBACK:
            # A page elsewhere, which made up a name for this machine, would be let in by a browser.
            raise PermissionDeniedException("on the loopback only its own names are answered")
        if wanted is None or handler.opt.get("open"):
            return
        scheme, _, given = connection.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = connection.cookies.get(COOKIE, "")
        if not secrets.compare_digest(given.encode(), wanted.encode()):
            raise NotAuthorizedException("the token of JOURNEYS_WEB_TOKEN is wanted")

    return check


def _told(status: int, _: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    return Response({"status_code": status, "detail": str(error)}, status_code=status)


async def _with_headers(response: Response[Any]) -> Response[Any]:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
