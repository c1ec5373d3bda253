"""A server that fails in every way we know of: what the client makes of it."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from models.errors import NamingError, SettingsError, UnavailableError
from models.naming.client import TRIES, VllmClient
from models.naming.namer import VllmNamer
from models.naming.prompt import messages
from models.naming.titles import Evidence
from tests.support.naming import request
from tests.support.vllm_stub import Stub, always, answers, cut_off, hang, names_for, refusal

pytestmark = pytest.mark.fault

CHAT = messages(Evidence.of(request()))
TIMEOUT = 3.0


@pytest.fixture
async def client(stub: Stub) -> AsyncIterator[VllmClient]:
    client = VllmClient(stub.url, timeout=TIMEOUT)
    yield client
    await client.close()


async def answered(client: VllmClient, within: float = 10.0) -> list[str]:
    """Ask as the service does: as long as nothing but the server is to blame."""
    deadline = time.monotonic() + within
    while True:
        try:
            return (await client.complete(CHAT, 2)).answers
        except UnavailableError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


async def test_refused_is_the_servers_fault_and_nothing_is_asked_twice_a_second(
    stub: Stub, client: VllmClient, caplog: pytest.LogCaptureFixture
) -> None:
    await stub.stop()
    with pytest.raises(UnavailableError):
        await client.complete(CHAT, 2)
    started = time.monotonic()
    for _ in range(200):
        with pytest.raises(UnavailableError):
            await client.complete(CHAT, 2)
    assert time.monotonic() - started < 0.5
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    await stub.start()
    assert await answered(client)
    assert stub.probed == 1


async def test_a_server_that_comes_back_is_asked_by_one_probe_and_logged_once(
    stub: Stub, client: VllmClient, caplog: pytest.LogCaptureFixture
) -> None:
    await stub.stop()
    with pytest.raises(UnavailableError):
        await client.complete(CHAT, 2)
    await stub.start()
    assert all(await asyncio.gather(*(answered(client) for _ in range(20))))
    assert stub.probed == 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 2


async def test_a_key_with_a_newline_behind_it_is_sent_without(stub: Stub) -> None:
    client = VllmClient(stub.url, api_key="s3cret\n")
    assert await answered(client)
    await client.close()


@pytest.mark.parametrize("key", ["s3cret\nmore", "s3cret\x00", "s3crét"])
async def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        VllmClient("http://localhost:1", api_key=key)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("compressed", [True, False])
async def test_an_answer_without_end_is_given_up_before_it_fills_the_memory(
    stub: Stub, client: VllmClient, status: int, compressed: bool
) -> None:
    sent, packed = 0, gzip.compress(b" " * (64 << 20))

    async def without_end(request: web.Request, body: Any) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        if compressed:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        with suppress(ConnectionError):
            while sent < 1 << 30:
                await response.write(packed)
                sent += len(packed)
        return response

    stub.behave = without_end
    with pytest.raises(NamingError, match=r"an answer of more|a compressed answer"):
        await client.complete(CHAT, 2)
    assert sent < 64 << 20
    stub.behave = None
    assert await answered(client)


async def test_slow_is_given_up_in_time_and_may_be_tried_again(
    stub: Stub, client: VllmClient
) -> None:
    stub.behave = hang
    started = time.monotonic()
    with pytest.raises(NamingError, match="no answer in 3 s") as caught:
        await client.complete(CHAT, 2)
    assert time.monotonic() - started < TIMEOUT + 1
    assert caught.value.retriable
    stub.behave = None
    assert await answered(client)


async def test_hung_turns_others_away_at_once(stub: Stub, client: VllmClient) -> None:
    stub.behave, stub.probes = hang, False
    with pytest.raises(NamingError):
        await client.complete(CHAT, 2)
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        await client.complete(CHAT, 2)
    assert time.monotonic() - started < 0.5
    stub.behave, stub.probes = None, True
    assert await answered(client)


async def test_busy_is_left_alone_as_long_as_it_says(stub: Stub, client: VllmClient) -> None:
    async def busy(_: web.Request, __: dict[str, Any]) -> web.Response:
        return web.json_response(
            {"error": {"message": "too many requests"}}, status=429, headers={"Retry-After": "2"}
        )

    stub.behave = busy
    with pytest.raises(UnavailableError, match="429"):
        await client.complete(CHAT, 2)
    assert len(stub.chats) == 1
    stub.behave = None
    started = time.monotonic()
    assert await answered(client)
    assert 1.5 < time.monotonic() - started < 5


async def test_an_error_that_passes_is_tried_again(stub: Stub, client: VllmClient) -> None:
    async def twice(_: web.Request, body: dict[str, Any]) -> web.Response:
        if len(stub.chats) < TRIES:
            return refusal(500, "boom")
        return answers(*names_for(body))

    stub.behave = twice
    assert (await client.complete(CHAT, 2)).answers
    assert len(stub.chats) == TRIES


@pytest.mark.parametrize(
    "behave",
    [
        always(lambda: refusal(500, "boom")),
        always(lambda: web.Response(status=502, text="<html>Bad gateway</html>")),
        cut_off,
        always(lambda: web.Response(text="not json", content_type="application/json")),
        always(lambda: web.Response(body=b"")),
        always(lambda: web.json_response({"choices": "none"})),
        always(lambda: web.Response(body=b"\xff\xfe{}")),
    ],
    ids=["500", "502", "cut off", "not json", "no body", "other json", "not utf-8"],
)
async def test_a_broken_answer_is_tried_again_then_given_back(
    stub: Stub, client: VllmClient, behave: Any
) -> None:
    stub.behave = behave
    with pytest.raises(NamingError) as caught:
        await client.complete(CHAT, 2)
    assert caught.value.retriable
    assert not isinstance(caught.value, UnavailableError)  # the server answers others
    assert len(stub.chats) == TRIES
    stub.behave = None
    assert (await client.complete(CHAT, 2)).answers


async def test_a_request_that_only_it_refuses_is_not_tried_again(
    stub: Stub, client: VllmClient
) -> None:
    stub.behave = always(lambda: refusal(400, "maximum context length is 2048 tokens"))
    with pytest.raises(NamingError, match="context length") as caught:
        await client.complete(CHAT, 2)
    assert not caught.value.retriable


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_server_that_lets_nobody_in_is_waited_for(
    stub: Stub, client: VllmClient, status: int
) -> None:
    stub.behave, stub.probes = always(lambda: refusal(status, "invalid api key")), False
    with pytest.raises(UnavailableError):
        await client.complete(CHAT, 2)


async def test_the_key_is_sent_and_never_shown(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []

    async def look(received: web.Request, body: dict[str, Any]) -> web.Response:
        seen.append(received.headers["Authorization"])
        return refusal(401, "who are you?")

    stub.behave, stub.probes = look, False
    client = VllmClient(stub.url, api_key="s3cret")
    with caplog.at_level("DEBUG"), pytest.raises(UnavailableError) as caught:
        await client.complete(CHAT, 2)
    await client.close()
    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in caplog.text + str(caught.value)


async def test_a_server_without_schemas_is_asked_without_and_remembered(
    stub: Stub, client: VllmClient
) -> None:
    stub.schema = False
    for _ in range(3):
        assert (await client.complete(CHAT, 2)).answers
    assert ["response_format" in body for body in stub.chats] == [True, False, False, False]


async def test_a_restart_in_mid_request_loses_nothing(stub: Stub, client: VllmClient) -> None:
    arrived = asyncio.Event()

    async def take(received: web.Request, body: dict[str, Any]) -> web.Response:
        arrived.set()
        return await hang(received, body)

    stub.behave = take
    asked = asyncio.create_task(answered(client))
    await arrived.wait()
    await stub.stop()
    stub.behave = None
    await stub.start()
    assert await asked


async def test_a_restart_with_another_model_is_noticed(stub: Stub, client: VllmClient) -> None:
    assert (await client.complete(CHAT, 1)).model == "stub-model"
    stub.model = "newer-model"
    assert (await client.complete(CHAT, 1)).model == "newer-model"


async def test_no_more_than_the_concurrency_are_under_way(stub: Stub) -> None:
    under_way = most = 0

    async def count(_: web.Request, body: dict[str, Any]) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return answers(*names_for(body))

    stub.behave = count
    client = VllmClient(stub.url, concurrency=3)
    await asyncio.gather(*(client.complete(CHAT, 1) for _ in range(30)))
    await client.close()
    assert most == 3


@pytest.mark.parametrize(
    "contents",
    [
        (None, ""),
        ("彼は猫が好きです 今日も", '{"name": "Привет мир всем"}'),
        (json.dumps({"name": "sourdough " * 1_000}), "sourdough bread " * 700),
        ('{"name": "Sourdough ba', '{"nom": "Pain"}'),
        ("I'm sorry, I cannot name this.", "As an AI language model I have no opinion"),
        ('{"name": "Home"}', '{"name": "Visit www.bread.example today"}'),
        ("\x00\x01\ufffd", "{" * 10_000),
    ],
    ids=["empty", "wrong language", "10 kB", "cut off", "chatter", "unfit", "junk"],
)
async def test_answers_that_are_no_names_bring_none_and_are_asked_for_once_more(
    stub: Stub, client: VllmClient, contents: tuple[str | None, ...]
) -> None:
    stub.behave = always(lambda: answers(*contents))
    with pytest.raises(NamingError, match="refused") as caught:
        await VllmNamer(client, candidates=2).name(request())
    assert not caught.value.retriable
    assert [chat["n"] for chat in stub.chats] == [2, 4]


@pytest.mark.parametrize("after", ["1.6", "date"])
async def test_busy_is_left_alone_however_the_time_is_written(
    stub: Stub, client: VllmClient, after: str
) -> None:
    async def busy(_: web.Request, __: dict[str, Any]) -> web.Response:
        moment = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
        headers = {"Retry-After": moment if after == "date" else after}
        return web.json_response({"error": {"message": "wait"}}, status=429, headers=headers)

    stub.behave = busy
    with pytest.raises(UnavailableError, match="429"):
        await client.complete(CHAT, 2)
    stub.behave = None
    started = time.monotonic()
    assert await answered(client)
    assert time.monotonic() - started > 1.4  # without it, one second


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "/v1"])
def test_a_url_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="JOURNEYS_VLLM_URL"):
        VllmClient(url)


async def test_taken_names_are_shown_only_when_one_of_them_came(
    stub: Stub, client: VllmClient
) -> None:
    """A small model repeats what it is shown; a big one that hit on a taken name is told."""
    asked = request(taken=("Sourdough bread",))
    replies = [["Sourdough bread"], ["Home sourdough baking"]]

    async def reply(_: web.Request, __: dict[str, Any]) -> web.Response:
        return answers(*(json.dumps({"name": name}) for name in replies[len(stub.chats) - 1]))

    stub.behave = reply
    assert (await VllmNamer(client).name(asked)).name == "Home sourdough baking"
    first, second = (chat["messages"][-1]["content"] for chat in stub.chats)
    assert "Names already taken: none" in first
    assert "Names already taken: Sourdough bread" in second


async def test_a_second_ask_after_other_refusals_shows_no_taken_names(
    stub: Stub, client: VllmClient
) -> None:
    replies = [["Various topics"], ["Home sourdough baking"]]

    async def reply(_: web.Request, __: dict[str, Any]) -> web.Response:
        return answers(*(json.dumps({"name": name}) for name in replies[len(stub.chats) - 1]))

    stub.behave = reply
    assert (await VllmNamer(client).name(request(taken=("Chess",)))).name == "Home sourdough baking"
    assert all("Chess" not in chat["messages"][-1]["content"] for chat in stub.chats)
