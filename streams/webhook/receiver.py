"""The receiver: one POST at a time, signed as Standard Webhooks has it; no second try here."""

import asyncio
import hashlib
import logging
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Final, NamedTuple

import httpx
from standardwebhooks import Webhook

from models.errors import SettingsError
from models.printable import printable
from models.retry_after import seconds_of
from streams.settings import Settings

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0  # a server that is there accepts at once
MOST_BYTES: Final = 16_384  # of an answer: nothing of it is needed but its first words
_DETAIL_CHARS: Final = 200
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"
_PLAIN: Final = "identity"  # nothing compressed: 16 kB may unpack to 16 MB
_GONE: Final = 410
_REFUSED: Final = frozenset({400, 413, 414, 415, 422})  # for what it is: the same again is, too


class Result(StrEnum):
    """What became of a try."""

    DELIVERED = "delivered"
    AGAIN = "again"  # the next try may succeed
    REFUSED = "refused"  # this change never will
    GONE = "gone"  # no change ever will


class Outcome(NamedTuple):
    """What became of a try, why, and for how many seconds the receiver wants to be left alone."""

    result: Result
    detail: str = ""
    pause: float = 0.0


class Receiver:
    """The endpoint.

    Args:
        settings: Its url, the secrets, the timeout.

    Attributes:
        address: Its host, without what is secret in a url.
        trouble: What is wrong with it now, one line; "" for nothing.

    Raises:
        SettingsError: No url or no secret is set, or the url is none.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.webhook_url is None or settings.webhook_secret is None:
            missing = "URL" if settings.webhook_url is None else "SECRET"
            raise SettingsError(f"JOURNEYS_WEBHOOK_{missing}: `journeys webhook` needs it")
        try:
            self._url = httpx.URL(settings.webhook_url.get_secret_value().strip())
        except httpx.InvalidURL:
            raise SettingsError("JOURNEYS_WEBHOOK_URL: not a url") from None
        self.address = f"{self._url.scheme}://{self._url.netloc.decode()}"
        self.trouble = ""
        self._keys = [Webhook(key) for key in settings.webhook_secret.get_secret_value().split()]
        self._timeout = settings.webhook_timeout
        connections = settings.webhook_concurrency
        self._http = httpx.AsyncClient(
            follow_redirects=False,  # what is for one is not for whom it names
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=httpx.Timeout(
                self._timeout, connect=min(CONNECT_SECONDS, self._timeout), pool=self._timeout
            ),
            headers={
                "Content-Type": _CONTENT_TYPE,
                "Accept-Encoding": _PLAIN,
                "User-Agent": f"interest-journeys/{version('interest-journeys')}",
            },
        )
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs urls

    async def post(self, event_id: str, body: bytes) -> Outcome:
        """Send a change once.

        Args:
            event_id: The change's id: a repeat has the same `webhook-id`.
            body: A CloudEvent in structured JSON mode.
        """
        outcome = await self._post(self._signed(event_id, body), body)
        if outcome.result is Result.AGAIN:
            if not self.trouble:
                logger.warning("the receiver at %s: %s; trying again", self.address, outcome.detail)
            self.trouble = f"the receiver at {self.address}: {outcome.detail}"
        elif self.trouble:
            logger.warning("the receiver at %s answers again", self.address)
            self.trouble = ""
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _signed(self, event_id: str, body: bytes) -> dict[str, str]:
        now, number, text = datetime.now(UTC), webhook_id(event_id), body.decode()
        return {
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(key.sign(number, now, text) for key in self._keys),
        }

    async def _post(self, headers: dict[str, str], body: bytes) -> Outcome:
        status, content, pause, failure = 0, b"", 0.0, "no answer"
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                status, pause = answer.status_code, seconds_of(answer.headers.get("retry-after"))
                content = await _beginning(answer)
        except TimeoutError:
            failure = f"no answer within {self._timeout:g} s"
        except httpx.HTTPError as error:
            failure = str(error) or type(error).__name__
        if 200 <= status < 300:  # also when the rest of the answer does not come
            return Outcome(Result.DELIVERED)
        if not status:
            return Outcome(Result.AGAIN, printable(failure)[:_DETAIL_CHARS])
        said = printable(" ".join(content.decode("utf-8", "replace").split()))[:_DETAIL_CHARS]
        detail = f"HTTP {status}{f': {said}' if said else ''}"
        if status == _GONE:
            return Outcome(Result.GONE, detail)
        if status in _REFUSED:
            return Outcome(Result.REFUSED, detail)
        if 300 <= status < 400:
            detail = f"HTTP {status}: it sends us elsewhere, which is not followed"
        return Outcome(Result.AGAIN, detail, pause)


def webhook_id(event_id: str) -> str:
    """A change's id as a header may have it: ids hold what producers wrote, in any script."""
    return f"chg_{hashlib.sha256(event_id.encode()).hexdigest()[:32]}"


async def _beginning(answer: httpx.Response) -> bytes:
    """The first bytes of an answer; the connection is closed if there are more."""
    content = bytearray()
    with suppress(httpx.HTTPError):
        async for chunk in answer.aiter_raw():
            content += chunk
            if len(content) > MOST_BYTES:
                break
    return bytes(content[:MOST_BYTES])
