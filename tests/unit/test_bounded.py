"""Answers that would fill the memory: given up, of whichever server, with the reason."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from models import bounded
from models.errors import BrokerError, RegistryError
from streams.formats.registry import Registry
from streams.kafka.oauth import TokenSource
from streams.settings import Settings

BOMB = gzip.compress(b" " * (64 << 20))


class _Endless(BaseHTTPRequestHandler):
    """Answers everything, without an end."""

    sent: ClassVar[list[int]] = []
    asked: ClassVar[list[str]] = []
    compressed: ClassVar[bool] = False
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Accept-Encoding", ""))
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        if self.compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with suppress(OSError):
            for _ in range(1_000):
                self.wfile.write(BOMB)
                self.sent.append(len(BOMB))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    _Endless.sent.clear()
    _Endless.asked.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def token(url: str) -> object:
    return TokenSource(f"{url}/token", "me", "hush").token()


def schema(url: str) -> object:
    return Registry(Settings.load(registry_url=url)).schema(1)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("compressed", "said"),
    [
        (True, "a compressed answer, which nobody asked for"),
        (False, "an answer of more than 4 MiB"),
    ],
)
@pytest.mark.parametrize(
    ("ask", "error", "who"),
    [(token, BrokerError, "the token server"), (schema, RegistryError, "the schema registry")],
)
def test_an_answer_without_end_is_given_up(
    url: str,
    ask: Callable[[str], object],
    error: type[Exception],
    who: str,
    compressed: bool,
    said: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_Endless, "compressed", compressed)
    monkeypatch.setattr(_Endless, "status", status)
    with pytest.raises(error, match=f"{who} at {url}.* gives {said}"):
        ask(url)
    assert set(_Endless.asked) == {"identity"}
    assert sum(_Endless.sent) < 64 << 20


def test_an_answer_that_drips_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_SECONDS", 0.0)
    with pytest.raises(BrokerError, match="an answer that takes more than 0 s"):
        token(url)
