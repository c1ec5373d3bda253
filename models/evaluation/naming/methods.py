"""How journeys are named when methods are compared: by keywords, one by one, or all in one call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeAlias

import msgspec

from models.engine.exemplars import KEPT, SHOWN
from models.errors import NamingError
from models.evaluation.naming.cases import Case
from models.evaluation.naming.scores import Named
from models.naming.answers import Policy
from models.naming.api import Api
from models.naming.choice import choose
from models.naming.holding import TextEncoder
from models.naming.namer import Namer
from models.naming.prompt import INSTRUCTIONS, MAX_TOKENS, Message, messages, question, schema
from models.naming.titles import Evidence
from models.records import NamingRequest

User: TypeAlias = Sequence[Case]
Method: TypeAlias = Callable[[User], Awaitable[list[Named]]]

TRIES: Final = 3  # for a server that is busy


async def names(
    users: Sequence[User], method: Method, tick: Callable[[int], None]
) -> list[list[Named]]:
    """Name the journeys of all users, users beside each other.

    Raises:
        NamingError: The server fails.
    """

    async def one(user: User) -> list[Named]:
        named = await method(user)
        tick(len(user))
        return named

    return list(await asyncio.gather(*map(one, users)))


async def human(user: User) -> list[Named]:
    """What the human said: how far the measures can be trusted."""
    return [
        Named(case, case.group.request(case.exemplars()), case.humans[0], True) for case in user
    ]


def by_namer(namer: Namer, depth: int = SHOWN) -> Method:
    """One call a journey, each told the names that the ones before it got."""

    async def name(user: User) -> list[Named]:
        done: list[Named] = []
        for case in user:
            taken = [each.name for each in done]
            request = case.group.request(case.exemplars(max(depth, KEPT)), taken=taken, shown=depth)
            done.append(_shown(case, request, await _asked(namer, request)))
        return done

    return name


def all_in_one(api: Api, model: str | None, encoder: TextEncoder, concurrency: int) -> Method:
    """One call for all journeys of a user; the guard and the schema are the same."""
    slots = asyncio.Semaphore(concurrency)

    async def name(user: User) -> list[Named]:
        requests = [case.group.request(case.exemplars()) for case in user]
        evidence = [Evidence.of(request) for request in requests]
        options = {
            "max_tokens": MAX_TOKENS * len(user),
            "temperature": 0.0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "interests", "schema": _schema(evidence)},
            },
        }
        async with slots:
            [text] = await api.generate(model or await api.first_model(), _chat(evidence), options)
        answers: list[str] = []
        with suppress(msgspec.MsgspecError):
            answers = msgspec.json.decode(text, type=dict[str, list[str]])["names"]
        done: list[Named] = []
        for place, (case, request) in enumerate(zip(user, requests, strict=True)):
            known = replace(evidence[place], taken=tuple(each.name for each in done))
            choice = choose(answers[place : place + 1], known, Policy(), encoder)
            done.append(_shown(case, request, choice.name))
        return done

    return name


def only_titles(evidence: Evidence) -> list[Message]:
    """The few-shot prompt without keywords."""
    return messages(replace(evidence, terms=()))


def only_keywords(evidence: Evidence) -> list[Message]:
    """The few-shot prompt without titles."""
    return messages(replace(evidence, titles=()))


async def _asked(namer: Namer, request: NamingRequest) -> str | None:
    for tried in range(TRIES):
        try:
            return (await namer.name(request)).name
        except NamingError as error:
            if not error.retriable:
                return None
            if tried + 1 == TRIES:
                raise
            await asyncio.sleep(2**tried)
    raise AssertionError("unreachable")


def _shown(case: Case, request: NamingRequest, name: str | None) -> Named:
    return Named(case, request, name or request.keywords, name is not None)


def _chat(evidence: Sequence[Evidence]) -> list[Message]:
    numbered = "\n\n".join(
        f"Interest {number}\n{question(each)}" for number, each in enumerate(evidence, 1)
    )
    many = INSTRUCTIONS.replace(
        '{"name": "..."}',
        '{"names": ["...", "..."]}, a name for each numbered interest, in their order',
    )
    return [{"role": "system", "content": many}, {"role": "user", "content": numbered}]


def _schema(evidence: Sequence[Evidence]) -> dict[str, Any]:
    form = schema([number for each in evidence for number in each.numbers])
    return {
        "type": "object",
        "required": ["names"],
        "additionalProperties": False,
        "properties": {
            "names": {
                "type": "array",
                "items": form["properties"]["name"],
                "minItems": len(evidence),
                "maxItems": len(evidence),
            }
        },
    }
