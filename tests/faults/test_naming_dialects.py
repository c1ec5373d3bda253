"""Servers and models that speak otherwise: no system role, one candidate, thoughts, no content."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from models.errors import NamingError
from models.naming.client import VllmClient
from models.naming.namer import FRUITLESS, VllmNamer
from models.naming.prompt import INSTRUCTIONS, messages
from models.naming.reply import Reply, name_in
from models.naming.titles import Evidence
from tests.support.naming import request
from tests.support.vllm_stub import Stub, answers, names_for, refusal

pytestmark = pytest.mark.fault

CHAT = messages(Evidence.of(request()))
NAME = json.dumps({"name": "Home sourdough baking"})


@pytest.fixture
async def client(stub: Stub) -> AsyncIterator[VllmClient]:
    client = VllmClient(stub.url, timeout=5.0)
    yield client
    await client.close()


def refusing(when: Callable[[dict[str, Any]], bool], status: int, message: str) -> Any:
    """A server that refuses some requests, and answers the others."""

    async def behave(_: web.Request, body: dict[str, Any]) -> web.Response:
        if when(body):
            return refusal(status, message)
        return answers(*names_for(body)[: body.get("n", 1)])

    return behave


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "System role not supported"),  # gemma 2
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "TemplateError: System role not supported"),
        (422, "Unprocessable Entity"),  # says nothing: found out by trying
    ],
)
async def test_a_model_without_a_system_role_gets_the_instructions_from_the_user(
    stub: Stub, client: VllmClient, status: int, message: str
) -> None:
    stub.behave = refusing(lambda body: body["messages"][0]["role"] == "system", status, message)
    for _ in range(3):
        assert (await client.complete(CHAT, 2)).answers
    last = stub.chats[-1]["messages"]
    assert [turn["role"] for turn in last] == ["user", "assistant"] * (len(last) // 2) + ["user"]
    assert last[0]["content"].startswith(INSTRUCTIONS)
    accepted = [body for body in stub.chats if body["messages"][0]["role"] == "user"]
    assert len(accepted) == 3  # it is remembered


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("logprobs", "logprobs are not supported"),
        ("response_format", "Invalid json_schema"),
        ("response_format", "bad request"),
        ("logprobs", "bad request"),
    ],
)
async def test_what_a_server_does_not_know_is_left_out_and_remembered(
    stub: Stub, client: VllmClient, key: str, message: str
) -> None:
    stub.behave = refusing(lambda body: key in body, 400, message)
    for _ in range(3):
        assert (await client.complete(CHAT, 2)).answers
    assert [key in body for body in stub.chats[-3:]] == [False] * 3
    assert len(stub.chats) <= 5


@pytest.mark.parametrize("says", ["n must be 1", "nothing"])
async def test_a_server_that_gives_one_candidate_at_a_time_is_asked_in_three_ways(
    stub: Stub, client: VllmClient, says: str
) -> None:
    replies = iter(["Various topics", "Hobbies", "Home sourdough baking"])

    async def one(_: web.Request, body: dict[str, Any]) -> web.Response:
        if body["n"] > 1 and says != "nothing":
            return refusal(400, says)
        return answers(json.dumps({"name": next(replies)}))

    stub.behave = one
    namer = VllmNamer(client, candidates=4)
    assert (await namer.name(request())).name == "Home sourdough baking"
    asked = [body for body in stub.chats if body["n"] == 1]
    assert len({(body["messages"][-1]["content"], body["temperature"]) for body in asked}) >= 2


THOUGHTS = {
    "closed": f"<think>The user wants {{a name}}.</think>\n{NAME}",
    "begun by the template": f"They bake {{bread}}, so\n</think>\n\n{NAME}",
    "twice": f"<think>Hm {{</think>{{}}<think>}}</think>{NAME}",
    "other word": f"<reasoning>{{'name': 'no'}}</reasoning> {NAME}",
    "with an answer in it": '<think>{"name": "No such thing"}</think>' + NAME,
    "text behind": f"{NAME}\nThat is because {{they}} bake.",
    "plain": "<think>Bread?</think>\nHome sourdough baking\n",
}


@pytest.mark.parametrize("content", THOUGHTS.values(), ids=THOUGHTS.keys())
def test_what_a_model_thinks_is_no_answer(content: str) -> None:
    assert name_in(content) == "Home sourdough baking"


@pytest.mark.parametrize("content", ["<think>The user {wants", '<think>\n{"name": "No"}', ""])
def test_a_model_that_is_cut_off_in_its_thoughts_has_said_nothing(content: str) -> None:
    assert name_in(content) == ""
    assert Reply(content, whole=False).is_thought


@pytest.mark.parametrize("cut", ["<think>Let me {see", None], ids=["in the answer", "parsed away"])
async def test_a_model_that_thinks_is_asked_not_to_and_given_room(
    stub: Stub, client: VllmClient, cut: str | None
) -> None:
    async def think(_: web.Request, body: dict[str, Any]) -> web.Response:
        enough = body["max_tokens"] > 500
        return answers(
            *([NAME] * 2 if enough else [cut] * 2), reason="stop" if enough else "length"
        )

    stub.behave = think
    for _ in range(2):
        assert (await client.complete(CHAT, 2)).answers == ["Home sourdough baking"] * 2
    assert [body["max_tokens"] > 500 for body in stub.chats] == [False, True, True]
    assert stub.chats[-1]["chat_template_kwargs"] == {"enable_thinking": False}


async def test_a_server_that_takes_no_template_settings_gets_room_alone(
    stub: Stub, client: VllmClient
) -> None:
    async def think(_: web.Request, body: dict[str, Any]) -> web.Response:
        if "chat_template_kwargs" in body:
            return refusal(400, "Unrecognized request argument: chat_template_kwargs")
        enough = body["max_tokens"] > 500
        return answers(NAME if enough else None, reason="stop" if enough else "length")

    stub.behave = think
    assert (await client.complete(CHAT, 1)).answers == ["Home sourdough baking"]


async def test_what_only_a_person_can_mend_is_said_once_and_where_it_is_looked_for(
    stub: Stub, client: VllmClient, caplog: pytest.LogCaptureFixture
) -> None:
    """No content at all: nothing is published, so somebody must be told."""

    async def mute(_: web.Request, body: dict[str, Any]) -> web.Response:
        return answers(*[None] * body["n"])

    namer = VllmNamer(client, candidates=2)
    stub.behave = mute
    for number in range(FRUITLESS + 3):
        assert (namer.trouble() is None) == (number < FRUITLESS)
        with pytest.raises(NamingError, match="no content"):
            await namer.name(request(journey_id=f"j{number}"))
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "no content" in errors[0].getMessage()
    assert "no content" in (namer.trouble() or "")
    stub.behave = None
    await namer.name(request())
    assert namer.trouble() is None


async def test_the_model_s_own_likelihood_is_read(stub: Stub, client: VllmClient) -> None:
    async def told(_: web.Request, body: dict[str, Any]) -> web.Response:
        assert body["logprobs"]
        tokens = [('{"', 0.0), ("name", 0.0), ('": "', 0.0), ("Home", -2.0), (" bread", -1.0)]
        content = [{"token": token, "logprob": nats} for token, nats in [*tokens, ('"}', 0.0)]]
        choice = {
            "message": {"content": '{"name": "Home bread"}'},
            "logprobs": {"content": content},
        }
        return web.json_response({"choices": [choice]})

    stub.behave = told
    completion = await client.complete(CHAT, 1)
    assert completion.answers == ["Home bread"]
    assert completion.likelihoods == [-1.0]  # of the two words and their end
