"""Asks an OpenAI-compatible server (vLLM) for names: bounded, with deadlines, retries, a breaker.

When a request fails, whose fault is it? A request of one token tells: if the server answers that,
it is up and only this request failed; if not, the breaker opens, and requests are turned away
until the server answers such a probe again.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from models.errors import ApiError, UnavailableError
from models.naming.api import NOT_FOUND, Api
from models.naming.breaker import Breaker
from models.naming.dialect import Dialect
from models.naming.prompt import MAX_TOKENS, Prompt, schema
from models.naming.reply import Reply

TRIES: Final = 3  # within one deadline
FIRST_WAIT: Final = 0.25  # seconds before the second try, at most; four times that before the third
PROBE_TIMEOUT: Final = 10.0  # seconds for one token, also on a busy CPU
TEMPERATURE: Final = 0.7  # several candidates must differ

_BUSY: Final = frozenset({429, 503})


class Completion(NamedTuple):
    """The candidates that are names at all, as they came.

    Attributes:
        model: Which model it was.
        answers: The candidates.
        likelihoods: Of each its mean log-likelihood a token, nats; None where that is not told.
        empty: Why there are none, where the model wrote no names; else nothing.
    """

    model: str
    answers: list[str]
    likelihoods: list[float | None]
    empty: str = ""


class VllmClient:
    """One server. Use it in one event loop.

    Args:
        url: Base url, with or without `/v1`.
        model: Which of the served models (or adapters); None: the first one served.
        api_key: Sent as a bearer token.
        concurrency: Requests under way at once; others wait for their turn.
        timeout: Seconds until one request, its retries included, is given up.

    Raises:
        SettingsError: The url is none, or the key cannot be sent.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        concurrency: int = 8,
        timeout: float = 30.0,
    ) -> None:
        self._wanted = self._model = model
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._dialect = Dialect()
        self._api = Api(url, api_key=api_key, connections=concurrency, timeout=timeout)
        self._breaker = Breaker(f"vLLM at {self._api.address}")

    @property
    def trouble(self) -> str | None:
        """Why the server is left alone just now; None when it is not."""
        reason = self._breaker.reason
        return None if reason is None else f"vLLM at {self._api.address} does not answer: {reason}"

    @property
    def gives_several(self) -> bool:
        """Whether one call gives several candidates, as far as is known."""
        return self._dialect.several

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def complete(
        self, prompt: Prompt, n: int, numbers: Sequence[str] = (), temperature: float | None = None
    ) -> Completion:
        """Ask for `n` candidates, with no other numbers in them than these.

        No seed is sent: one ends the engine of a vLLM server on a CPU (0.32).

        Raises:
            UnavailableError: The server did not take the request.
            NamingError: It did, and failed; not retriable if it refuses this request and not
                others.
        """
        if temperature is None:
            temperature = TEMPERATURE if n > 1 else 0.0
        async with self._slots:
            await self._admit()
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._try(prompt, n, numbers, temperature)
            except TimeoutError:
                failure = ApiError(f"no answer in {self._timeout:g} s", retriable=True)
            except ApiError as error:
                failure = error
            if failure.status in _BUSY:
                self._breaker.open(str(failure), failure.pause)
                raise UnavailableError(str(failure))
            if self._breaker.closed and (reason := await self._probe()) is not None:
                self._breaker.open(reason)
            if not failure.taken or (not self._breaker.closed and 400 <= failure.status < 500):
                raise UnavailableError(str(failure))
            raise failure

    async def _admit(self) -> None:
        if self._breaker.closed:
            return
        if self._breaker.may_probe():
            if (reason := await self._probe()) is None:
                self._breaker.close()
                return
            self._breaker.open(reason)
        raise UnavailableError(f"the server does not answer: {self._breaker.reason}")

    async def _probe(self) -> str | None:
        """Have one token made; None when that works, else what is wrong with the server."""
        self._model, self._dialect = self._wanted, Dialect()  # it may be another than before
        try:
            async with asyncio.timeout(min(PROBE_TIMEOUT, self._timeout)):
                await self._generate([{"role": "user", "content": "Hi"}], {"max_tokens": 1})
        except TimeoutError:
            return "no answer to a probe"
        except ApiError as failure:
            return str(failure)
        return None

    async def _try(
        self, prompt: Prompt, n: int, numbers: Sequence[str], temperature: float
    ) -> Completion:
        options = {"n": n, "max_tokens": MAX_TOKENS, "temperature": temperature}
        form = {
            "type": "json_schema",
            "json_schema": {"name": "interest", "schema": schema(numbers), "strict": True},
        }
        for attempt in range(TRIES):
            try:
                return await self._ask(prompt, options, form)
            except ApiError as failure:
                if not failure.retriable or failure.status in _BUSY or attempt + 1 == TRIES:
                    raise
                if failure.status == NOT_FOUND:
                    self._model = self._wanted  # another may be served by now
                # Jitter, so that all who failed together do not come back together.
                await asyncio.sleep(random.uniform(0, FIRST_WAIT * 4**attempt))
        raise AssertionError("unreachable")

    async def _ask(
        self, prompt: Prompt, options: dict[str, Any], form: dict[str, Any]
    ) -> Completion:
        """Ask in the server's own dialect, which this finds out."""
        dialect, refusal = self._dialect, None
        while True:
            try:
                replies = await self._generate(
                    dialect.prompt(prompt), dialect.options(options, form)
                )
            except ApiError as failure:
                refusal = refusal or failure
                plainer = dialect.after(failure)
                if plainer is None:
                    raise refusal from None
                dialect = plainer
                continue
            named = [reply for reply in replies if reply.name]
            if named or not dialect.thinks:
                self._dialect = dialect  # what it took once it need not be asked for again
            if len(replies) == 1 < dialect.options(options, form)["n"]:
                self._dialect = replace(self._dialect, several=False)
            if not dialect.thinks and all(reply.is_thought for reply in replies):
                dialect = replace(dialect, thinks=True)
                continue
            return Completion(
                self._model or "",
                [reply.name for reply in named],
                [reply.likelihood for reply in named],
                "" if named else _why_empty(replies),
            )

    async def _generate(self, prompt: Prompt, options: dict[str, Any]) -> list[Reply]:
        if self._model is None:
            self._model = await self._api.first_model()
        return await self._api.replies(self._model, prompt, options)


def _why_empty(replies: Sequence[Reply]) -> str:
    """What a person must know of answers that have no name in them."""
    if not any(reply.text.strip() for reply in replies):
        cut = "" if all(reply.whole for reply in replies) else ", cut off: does the model think?"
        return f"the model's answers have no content{cut}"
    return f"the model's answers have no name in them, the first begins {replies[0].text[:60]!r}"
