"""Asks an OpenAI-compatible server (vLLM) for names: bounded, with deadlines, retries, a breaker.

When a request fails, whose fault is it? A request of one token tells: if the server answers that,
it is up and only this request failed; if not, the breaker opens, and requests are turned away
until the server answers such a probe again.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

import httpx
import msgspec

from models.errors import NamingError, SettingsError
from models.naming.breaker import Breaker
from models.naming.prompt import MAX_TOKENS, SCHEMA, Message

TRIES: Final = 3  # within one deadline
FIRST_WAIT: Final = 0.25  # seconds before the second try, at most; four times that before the third
CONNECT_TIMEOUT: Final = 5.0  # seconds; a server that is there accepts at once
POOL_TIMEOUT: Final = 1.0  # seconds; the semaphore leaves a connection free for each request
PROBE_TIMEOUT: Final = 10.0  # seconds for one token, also on a busy CPU
TEMPERATURE: Final = 0.4  # several candidates must differ

_FORMAT: Final = {"type": "json_schema",
                  "json_schema": {"name": "interest", "schema": SCHEMA, "strict": True}}
_NO_SCHEMA: Final = frozenset({400, 422, 501})  # how servers say that they know no such format
_BUSY: Final = frozenset({429, 503})
_NOT_FOUND: Final = 404


class Completion(NamedTuple):
    """The candidates, as the model wrote them, and which model it was."""

    model: str
    answers: list[str]


class Unavailable(NamingError):
    """The server did not take the request: it is down or busy, and the request not to blame."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retriable=True)


class _Failure(Exception):
    """A try that failed.

    Args:
        message: What happened, one line.
        again: The next try may succeed.
        taken: The server took the request, so it may be the request's fault.
        status: Of the answer, 0 without one.
        pause: Seconds that the server wants to be left alone.
    """

    def __init__(self, message: str, *, again: bool, taken: bool = True, status: int = 0,
                 pause: float = 0.0) -> None:
        super().__init__(message)
        self.again = again
        self.taken = taken
        self.status = status
        self.pause = pause


class _Content(msgspec.Struct):
    content: str | None = None


class _Candidate(msgspec.Struct):
    message: _Content


class _Answer(msgspec.Struct):
    choices: list[_Candidate]


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Name(msgspec.Struct):
    name: str


class _Error(msgspec.Struct):
    message: str


class _Refused(msgspec.Struct):
    error: _Error


_Form = TypeVar("_Form")


class VllmClient:
    """One server. Use it in one event loop.

    Args:
        url: Base url, with or without `/v1`.
        model: Which of the served models (or adapters); None: the first one served.
        api_key: Sent as a bearer token.
        concurrency: Requests under way at once; others wait for their turn.
        timeout: Seconds until one request, its retries included, is given up.

    Raises:
        SettingsError: The url is none.
    """

    def __init__(self, url: str, *, model: str | None = None, api_key: str | None = None,
                 concurrency: int = 8, timeout: float = 30.0) -> None:
        base = _base_url(url)
        self._wanted = self._model = model
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._schema = True
        self._http = httpx.AsyncClient(
            base_url=base,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            # One more than the requests under way, for the probe.
            limits=httpx.Limits(max_connections=concurrency + 1,
                                max_keepalive_connections=concurrency + 1),
            timeout=httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout),
                                  pool=POOL_TIMEOUT),
        )
        self._breaker = Breaker(f"vLLM at {base.scheme}://{base.netloc.decode()}")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def complete(self, messages: Sequence[Message], n: int) -> Completion:
        """Ask for `n` candidates.

        No seed is sent: one ends the engine of a vLLM server on a CPU (0.32).

        Raises:
            Unavailable: The server did not take the request.
            NamingError: It did, and failed; not retriable if it refuses this request and not
                others.
        """
        async with self._slots:
            await self._admit()
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._try(messages, n)
            except TimeoutError:
                failure = _Failure(f"no answer in {self._timeout:g} s", again=True)
            except _Failure as error:
                failure = error
            if failure.status in _BUSY:
                self._breaker.open(str(failure), failure.pause)
                raise Unavailable(str(failure))
            if self._breaker.closed and (reason := await self._probe()) is not None:
                self._breaker.open(reason)
            if not failure.taken or (not self._breaker.closed and 400 <= failure.status < 500):
                raise Unavailable(str(failure))
            raise NamingError(str(failure), retriable=failure.again)

    async def _admit(self) -> None:
        if self._breaker.closed:
            return
        if self._breaker.may_probe():
            if (reason := await self._probe()) is None:
                self._breaker.close()
                return
            self._breaker.open(reason)
        raise Unavailable(f"the server does not answer: {self._breaker.reason}")

    async def _probe(self) -> str | None:
        """Have one token made; None when that works, else what is wrong with the server."""
        self._model, self._schema = self._wanted, True  # it may be another server than before
        try:
            async with asyncio.timeout(min(PROBE_TIMEOUT, self._timeout)):
                await self._chat([{"role": "user", "content": "Hi"}], {"max_tokens": 1})
        except TimeoutError:
            return "no answer to a probe"
        except _Failure as failure:
            return str(failure)
        return None

    async def _try(self, messages: Sequence[Message], n: int) -> Completion:
        options = {"n": n, "max_tokens": MAX_TOKENS,
                   "temperature": TEMPERATURE if n > 1 else 0.0}
        for attempt in range(TRIES):
            try:
                return await self._ask(messages, options)
            except _Failure as failure:
                if not failure.again or failure.status in _BUSY or attempt + 1 == TRIES:
                    raise
                if failure.status == _NOT_FOUND:
                    self._model = self._wanted  # another may be served by now
                # Jitter, so that all who failed together do not come back together.
                await asyncio.sleep(random.uniform(0, FIRST_WAIT * 4**attempt))
        raise AssertionError("unreachable")

    async def _ask(self, messages: Sequence[Message], options: dict[str, Any]) -> Completion:
        if self._schema:
            try:
                return await self._chat(messages, options | {"response_format": _FORMAT})
            except _Failure as failure:
                if failure.status not in _NO_SCHEMA:
                    raise
        completion = await self._chat(messages, options)
        self._schema = False  # it answers, but not with a schema: do not ask twice again
        return completion

    async def _chat(self, messages: Sequence[Message], options: dict[str, Any]) -> Completion:
        if self._model is None:
            served = await self._call("GET", "models", _Models)
            if not served.data:
                raise _Failure("it serves no model", again=True)
            self._model = served.data[0].id
        body = {"model": self._model, "messages": list(messages), **options}
        answer = await self._call("POST", "chat/completions", _Answer, body)
        return Completion(self._model, [name for choice in answer.choices
                                        if (name := name_in(choice.message.content or ""))])

    async def _call(self, method: str, path: str, form: type[_Form], body: Any = None) -> _Form:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise _Failure(str(error) or type(error).__name__, again=True,
                           taken=not refused) from None
        if not answer.is_success:
            status = answer.status_code
            raise _Failure(f"HTTP {status}: {_detail(answer)}", status=status,
                           again=status >= 500 or status in {_NOT_FOUND, 408, 429},
                           pause=_retry_after(answer))
        try:
            return msgspec.json.decode(answer.content, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Failure(f"not an answer of the API: {error}", again=True) from None


def name_in(content: str) -> str:
    """The name in what a model wrote: in a JSON object, else its first line; "" if cut off."""
    start, end = content.find("{"), content.rfind("}")
    if start >= 0:
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(content[start : end + 1], type=_Name).name
        return ""
    return content.strip().partition("\n")[0]


def _detail(answer: httpx.Response) -> str:
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(answer.content, type=_Refused).error.message[:300]
    return " ".join(answer.text.split())[:300] or answer.reason_phrase


def _retry_after(answer: httpx.Response) -> float:
    wanted = answer.headers.get("retry-after", "")
    return float(wanted) if wanted.isdecimal() else 0.0


def _base_url(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url.strip().rstrip("/"))
    except httpx.InvalidURL:
        base = httpx.URL()
    if base.scheme not in ("http", "https") or not base.host:
        raise SettingsError(f"JOURNEYS_VLLM_URL: not an http(s) url: {url!r}")
    path = base.path.rstrip("/")
    return base.copy_with(path=path if path.endswith("/v1") else f"{path}/v1")
