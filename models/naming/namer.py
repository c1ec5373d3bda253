"""Who names a journey: a language model, or its keywords when there is no server."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol

from models.errors import NamingError, UnavailableError
from models.naming.answers import Policy, Refusal
from models.naming.choice import choose
from models.naming.client import VllmClient
from models.naming.given import Given
from models.naming.holding import TextEncoder
from models.naming.prompt import Prompt, messages
from models.naming.titles import Evidence
from models.records import JourneyName, NamingRequest

logger = logging.getLogger(__name__)

FRUITLESS: Final = 10  # journeys in a row without a name: by then it is the model or its server


class _Way(NamedTuple):
    """A way to ask.

    Attributes:
        times: As many candidates as usual, times this.
        temperature: None: as the client sees fit.
        turned: Whether the titles come in the other order, without their frequent words.
    """

    times: int
    temperature: float | None
    turned: bool

    def of(self, evidence: Evidence) -> Evidence:
        """What is shown."""
        if not self.turned:
            return evidence
        return replace(evidence, titles=evidence.titles[::-1], terms=())


# The last one is for servers that give one candidate at a time.
WAYS: Final = (_Way(1, None, False), _Way(2, 0.8, True), _Way(2, 0.8, False))


class Fruitless:
    """Notices that journey after journey gets no name, which only a person can mend.

    Attributes:
        reason: What became of the last one, when it is so.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._in_a_row = 0

    def failed(self, reason: str) -> None:
        """A journey got no name."""
        self._in_a_row += 1
        if self._in_a_row >= FRUITLESS:
            if self.reason is None:
                logger.error("%d journeys in a row got no name: %s", self._in_a_row, reason)
            self.reason = f"no name for {self._in_a_row} journeys in a row: {reason}"

    def worked(self) -> None:
        """A journey got one."""
        if self.reason is not None:
            logger.warning("journeys get names again")
        self.reason, self._in_a_row = None, 0


@dataclass
class Tally:
    """What a namer has done so far.

    Attributes:
        calls: Completions asked of the server.
        refused: Answers that may not be published, by reason.
    """

    calls: int = 0
    refused: Counter[Refusal] = field(default_factory=Counter)


class Namer(Protocol):
    """Answers naming requests; safe to ask many at once in one event loop.

    Attributes:
        tally: What it has done.
    """

    tally: Tally

    async def name(self, request: NamingRequest) -> JourneyName:
        """Name a journey.

        Raises:
            UnavailableError: No server takes requests; ask again later, as often as need be.
            NamingError: There is no name; `retriable` when asking again may bring one.
        """

    def trouble(self) -> str | None:
        """What is wrong with the server; None: nothing, or there is no server."""

    async def close(self) -> None:
        """Let go of connections."""


class KeywordNamer:
    """Answers with the request's own keywords, at once."""

    def __init__(self) -> None:
        self.tally = Tally()

    async def name(self, request: NamingRequest) -> JourneyName:
        """The keyword name that the journey has already; its owner ignores it."""
        return request.answered(request.keywords, "keywords")

    def trouble(self) -> str | None:
        """There is no server."""
        return None

    async def close(self) -> None:
        """Nothing to let go of."""


class VllmNamer:
    """Asks a vLLM server for several candidates and takes the best that the guard lets pass.

    When none may, it asks once more in another way: for more of them, more freely, with the titles
    in another order. A server that gives one candidate at a time is asked a third time. Names
    already taken are only shown then, if one of them came: small models repeat whatever they are
    shown.

    Args:
        client: The server.
        candidates: How many are asked for at once.
        policy: What may be published.
        encoder: Measures candidates against titles and taken names; without it, words do.
        prompt: Puts the question: few-shot, plain or behind a soft prompt. Blocking, but short.
    """

    def __init__(
        self,
        client: VllmClient,
        *,
        candidates: int = 4,
        policy: Policy | None = None,
        encoder: TextEncoder | None = None,
        prompt: Callable[[Evidence], Prompt] = messages,
    ) -> None:
        self.tally = Tally()
        self._client = client
        self._candidates = candidates
        self._policy = policy or Policy()
        self._encoder = encoder
        self._prompt = prompt
        self._given = Given()
        self._fruitless = Fruitless()

    async def name(self, request: NamingRequest) -> JourneyName:
        """Name a journey by the model.

        Two journeys of a user that are asked for at the same time get different names: whoever
        comes later gets the next best, or is asked for once more.

        Raises:
            NamingError: Retriable when the server is at fault; not when no candidate may pass.
        """
        evidence = Evidence.of(request)
        if not evidence.titles:
            raise NamingError("none of its titles can be shown to a model", retriable=False)
        try:
            model, name = await self._named(request, evidence)
        except UnavailableError:
            raise
        except NamingError as error:
            self._fruitless.failed(str(error))
            raise
        self._fruitless.worked()
        return request.answered(name, model=model)

    async def _named(self, request: NamingRequest, evidence: Evidence) -> tuple[str, str]:
        """The model, and the name that it gave."""
        user, journey = request.user_id, request.journey_id
        shown, refused, empty = replace(evidence, taken=()), Counter[Refusal](), ""
        for number, way in enumerate(WAYS):
            if number == len(WAYS) - 1 and self._client.gives_several:
                break
            taken = dict.fromkeys([*evidence.taken, *self._given.others(user, journey)])
            known = replace(evidence, taken=tuple(taken))
            self.tally.calls += 1
            completion = await self._client.complete(
                self._prompt(way.of(shown)),
                way.times * self._candidates,
                evidence.numbers,
                way.temperature,
            )
            choice = await asyncio.to_thread(
                choose,
                completion.answers,
                known,
                self._policy,
                self._encoder,
                completion.likelihoods,
            )
            name = self._given.claim(user, journey, choice.names)
            reasons = choice.refused
            if name is None:  # what was fit was given to others in the meantime
                reasons[Refusal.TAKEN] += len(choice.names)
            refused += reasons
            self.tally.refused += reasons
            if name is not None:
                logger.info(
                    "journey %s revision %d: %s; refused: %s",
                    journey,
                    request.revision,
                    name,
                    dict(refused),
                )
                return completion.model, name
            empty = completion.empty or empty
            if reasons[Refusal.TAKEN]:
                others = self._given.others(user, journey)
                shown = replace(evidence, taken=tuple(dict.fromkeys([*evidence.taken, *others])))
        listed = ", ".join(f"{count} {refusal}" for refusal, count in refused.items() if count)
        raise NamingError(f"refused: {listed or empty or 'no answers'}", retriable=False)

    def trouble(self) -> str | None:
        """Why the server is left alone just now, or why nothing that it says is a name."""
        return self._client.trouble or self._fruitless.reason

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._client.close()
