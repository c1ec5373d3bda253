"""Who names a journey: a language model, or its keywords when there is no server."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from models.errors import NamingError
from models.naming.answers import Policy, Refusal
from models.naming.choice import TextEncoder, choose
from models.naming.client import VllmClient
from models.naming.prompt import Prompt, messages
from models.naming.titles import Evidence
from models.records import JourneyName, NamingRequest

logger = logging.getLogger(__name__)

AGAIN: Final = 2  # times as many candidates when the first ones were all refused


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
        return JourneyName(
            user_id=request.user_id,
            journey_id=request.journey_id,
            revision=request.revision,
            name=request.keywords,
            source="keywords",
        )

    def trouble(self) -> str | None:
        """There is no server."""
        return None

    async def close(self) -> None:
        """Nothing to let go of."""


class VllmNamer:
    """Asks a vLLM server for several candidates and takes the best that the guard lets pass.

    When none may, it asks once more, for more of them. Names already taken are only shown then, if
    one of them came: small models repeat whatever they are shown.

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

    async def name(self, request: NamingRequest) -> JourneyName:
        """Name a journey by the model.

        Raises:
            NamingError: Retriable when the server is at fault; not when no candidate may pass.
        """
        evidence = Evidence.of(request)
        if not evidence.titles:
            raise NamingError("none of its titles can be shown to a model", retriable=False)
        shown, refused = replace(evidence, taken=()), Counter[Refusal]()
        for candidates in (self._candidates, AGAIN * self._candidates):
            self.tally.calls += 1
            model, answers = await self._client.complete(
                self._prompt(shown), candidates, evidence.numbers
            )
            name, reasons = await asyncio.to_thread(
                choose, answers, evidence, self._policy, self._encoder
            )
            refused += reasons
            self.tally.refused += reasons
            if name is not None:
                break
            if reasons[Refusal.TAKEN]:
                shown = evidence
        else:
            listed = ", ".join(f"{count} {refusal}" for refusal, count in refused.items())
            raise NamingError(f"refused: {listed or 'the answers were empty'}", retriable=False)
        logger.info(
            "journey %s revision %d: %s; refused: %s",
            request.journey_id,
            request.revision,
            name,
            dict(refused),
        )
        return JourneyName(
            user_id=request.user_id,
            journey_id=request.journey_id,
            revision=request.revision,
            name=name,
            source="llm",
            model=model,
        )

    def trouble(self) -> str | None:
        """Why the server is left alone just now."""
        return self._client.trouble

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._client.close()
