"""Two journeys of a user that are named at once do not get one name."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from models.engine.engine import MOST_ATTEMPTS, Engine
from models.engine.users import UserState
from models.errors import NamingError
from models.naming.client import VllmClient
from models.naming.given import SECONDS, USERS, Given
from models.naming.namer import VllmNamer
from models.records import JourneyName, NamingRequest
from tests.support.lives import Life
from tests.support.naming import request
from tests.support.vllm_stub import Stub, answers, stub_server


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_server() as stub:
        yield stub


def saying(stub: Stub, *calls: list[str]) -> None:
    """Answers of calls in their order, the last again and again; two calls meet in the server."""
    met = asyncio.Event()

    async def behave(_: web.Request, __: dict[str, Any]) -> web.Response:
        number = len(stub.chats)
        if number >= 2:
            met.set()
        await met.wait()
        said = calls[min(number, len(calls)) - 1]
        return answers(*(json.dumps({"name": name}) for name in said))

    stub.behave = behave


async def both(stub: Stub, other_user: str = "u1") -> list[JourneyName | BaseException]:
    client = VllmClient(stub.url, timeout=10.0)
    namer = VllmNamer(client, candidates=2)
    asked = [request(journey_id="j1"), request(journey_id="j2", user_id=other_user)]
    found = await asyncio.gather(*map(namer.name, asked), return_exceptions=True)
    await client.close()
    return list(found)


async def test_the_later_of_two_takes_the_next_best(stub: Stub) -> None:
    saying(stub, ["Sourdough and rye bread", "Sourdough baking bread"])
    one, other = await both(stub)
    assert isinstance(one, JourneyName)
    assert isinstance(other, JourneyName)
    assert {one.name, other.name} == {"Sourdough and rye bread", "Sourdough baking bread"}
    assert len(stub.chats) == 2


async def test_the_later_of_two_is_asked_for_again_if_it_has_no_other(stub: Stub) -> None:
    same = ["Sourdough and rye bread"] * 2
    saying(stub, same, same, ["Home sourdough bread baking"] * 2)
    one, other = await both(stub)
    assert isinstance(one, JourneyName)
    assert isinstance(other, JourneyName)
    assert {one.name, other.name} == {"Sourdough and rye bread", "Home sourdough bread baking"}
    assert "already taken: Sourdough and rye bread" in stub.chats[-1]["messages"][-1]["content"]


async def test_who_goes_without_is_told_why(stub: Stub) -> None:
    saying(stub, ["Sourdough and rye bread"] * 2)
    found = await both(stub)
    [error] = [each for each in found if isinstance(each, NamingError)]
    assert "taken" in str(error)


async def test_other_users_may_have_the_same_name(stub: Stub) -> None:
    saying(stub, ["Sourdough and rye bread"] * 2)
    one, other = await both(stub, other_user="u2")
    assert isinstance(one, JourneyName)
    assert isinstance(other, JourneyName)
    assert one.name == other.name


def test_what_was_given_is_remembered_for_a_while_and_for_many_users() -> None:
    now = 0.0
    given = Given(clock=lambda: now)
    assert given.claim("u", "j1", ["Chess"]) == "Chess"
    assert given.claim("u", "j1", ["Chess"]) == "Chess"  # its own
    assert given.claim("u", "j2", ["chess", "Chess openings"]) == "Chess openings"
    assert given.claim("u", "j3", ["Chess", "Openings in chess"]) is None
    now = SECONDS + 1
    assert given.claim("u", "j3", ["Chess"]) == "Chess"
    for number in range(USERS):
        given.claim(f"u{number}", "j1", ["Chess"])
    assert given.others("u", "j9") == []


@pytest.fixture
def two_journeys() -> tuple[Engine, UserState, list[NamingRequest]]:
    """Of one user, with what was asked for each."""
    life = Life()
    life.weekly(range(3), about=1)
    life.weekly(range(3, 6), about=2)
    asked = {one.journey_id: one for out in life.outcomes for one in out.requests}
    return life.engine, life.user, list(asked.values())


def test_where_a_name_went_to_another_journey_the_engine_asks_again(
    two_journeys: tuple[Engine, UserState, list[NamingRequest]],
) -> None:
    """Two namers, or one that does not look, may give two journeys one name."""
    engine, user, (one, other) = two_journeys
    assert engine.name(user, one.answered("Bread baking")).changes
    for attempt in range(2, MOST_ATTEMPTS + 1):
        outcome = engine.name(user, other.answered("bread Baking"))
        assert not outcome.changes
        [other] = outcome.requests
        assert other.attempt == attempt
        assert "Bread baking" in other.taken
    assert not engine.name(user, other.answered("Bread baking")).requests  # not for ever


def test_the_second_answer_is_taken(
    two_journeys: tuple[Engine, UserState, list[NamingRequest]],
) -> None:
    engine, user, (one, other) = two_journeys
    engine.name(user, one.answered("Bread baking"))
    [again] = engine.name(user, other.answered("Bread baking")).requests
    [change] = engine.name(user, again.answered("Sailing boats")).changes
    assert change.name == "Sailing boats"
