"""A server that speaks vLLM's API as far as the namer uses it, and fails on demand."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.support.served import Served
from tests.support.soft import sent

Behaviour = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


class Stub(Served):
    """Answers chats with names made from the frequent words of the prompt.

    Attributes:
        model: The one that is served.
        behave: Called for every naming request instead of answering it; None: answer.
        probes: Whether probes (one token) are answered; other requests go to `behave`.
        schema: Whether `response_format` is understood.
        chats: The bodies of the naming requests that came, chats or not.
        adapters: Further names that are served.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model = "stub-model"
        self.behave: Behaviour | None = None
        self.probes = True
        self.schema = True
        self.chats: list[dict[str, Any]] = []
        self.adapters: list[str] = []
        self.probed = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def app(self) -> web.Application:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/completions", self._complete)  # soft prompts
        return app

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"object": "list", "data": [{"id": name} for name in (self.model, *self.adapters)]}
        )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body["model"] not in (self.model, *self.adapters):
            return refusal(404, f"The model `{body['model']}` does not exist.")
        if body["max_tokens"] == 1:
            self.probed += 1
            if self.probes:
                return answers("Hi")
            return web.json_response({"error": {"message": "engine is dead"}}, status=500)
        self.chats.append(body)
        if "response_format" in body and not self.schema:
            return refusal(400, "response_format is not supported")
        if self.behave is not None:
            return await self.behave(request, body)
        return answers(*names_for(body)[: body.get("n", 1)])

    async def _complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.chats.append(body)
        if not len(sent(body["prompt_embeds"])):
            return refusal(400, "prompt_embeds has no rows")
        return web.json_response(
            {
                "id": "cmpl-1",
                "object": "text_completion",
                "model": body["model"],
                "choices": [
                    {
                        "index": index,
                        "finish_reason": "stop",
                        "text": json.dumps({"name": f"Sourdough bread baking {index + 1}"}),
                    }
                    for index in range(body["n"])
                ],
            }
        )


def names_for(body: dict[str, Any]) -> list[str]:
    """Names that a sensible model could give, different ones, as it writes them."""
    question = body["messages"][-1]["content"]
    if "Interest 1" in question:
        return [json.dumps({"names": ["About things"] * question.count("Interest ")})]
    frequent = re.search(r"Frequent words: (.*)", question)
    assert frequent, "a question says them"
    words = frequent[1].split(", ")
    first, second = (words * 2)[:2]
    names = [f"{first} and {second}", f"{second} with {first}", f"About {first}", f"{first} fans"]
    return [json.dumps({"name": name}) for name in names]


def answers(*contents: str | None, reason: str = "stop") -> web.Response:
    """A chat completion with these candidates, which end for a reason."""
    return web.json_response(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "stub-model",
            "choices": [
                {
                    "index": index,
                    "finish_reason": reason,
                    "message": {"role": "assistant", "content": content},
                }
                for index, content in enumerate(contents)
            ],
        }
    )


def refusal(status: int, message: str) -> web.Response:
    """An error as vLLM words it."""
    return web.json_response({"error": {"message": message, "code": status}}, status=status)


def always(response: Callable[[], web.Response]) -> Behaviour:
    """Behave the same every time."""

    async def behave(_: web.Request, __: dict[str, Any]) -> web.Response:
        return response()

    return behave


async def hang(_: web.Request, __: dict[str, Any]) -> web.Response:
    """Take the request and say nothing."""
    await asyncio.sleep(3600)
    raise AssertionError("unreachable")


async def cut_off(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
    """Promise more than is sent, then drop the connection."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    assert request.transport, "the client waits"
    request.transport.abort()
    return response


@asynccontextmanager
async def stub_server() -> AsyncIterator[Stub]:
    """A stub that runs."""
    stub = await Stub().start()
    try:
        yield stub
    finally:
        await stub.stop()
