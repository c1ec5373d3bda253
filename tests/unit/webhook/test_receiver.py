"""The receiver's client: what it sends is what the standard's library takes; what failures are."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook

from models.errors import SettingsError
from models.records import cloudevent, with_name
from streams.demo.broker import free_port
from streams.formats import asyncapi
from streams.settings import Settings
from streams.webhook.receiver import Receiver, Result, webhook_id
from tests.support.receiver import OLD_SECRET, SECRET, Endpoint, always, endpoint, hang
from tests.support.records import CHANGES

BODY = cloudevent(CHANGES[0])


@pytest.fixture
async def there() -> AsyncIterator[Endpoint]:
    async with endpoint() as one:
        yield one


@asynccontextmanager
async def client(url: str, **changes: Any) -> AsyncIterator[Receiver]:
    given = {"webhook_secret": SECRET, "webhook_timeout": 1.0, "webhook_http": True, **changes}
    receiver = Receiver(Settings.load(webhook_url=url, **given))
    try:
        yield receiver
    finally:
        await receiver.close()


async def test_a_change_is_signed_so_that_a_receiver_can_be_sure(there: Endpoint) -> None:
    async with client(there.url) as receiver:
        for _ in range(2):
            assert (await receiver.post(CHANGES[0].id, BODY)).result is Result.DELIVERED
    first, second = there.taken
    assert first.body == BODY
    assert first.webhook_id == second.webhook_id, "a repeat is known by it"
    assert first.webhook_id.isascii()
    assert webhook_id(CHANGES[1].id) != first.webhook_id


async def test_a_request_is_as_the_document_says(there: Endpoint) -> None:
    async with client(there.url, webhook_secret=f"{OLD_SECRET} {SECRET}") as receiver:
        await receiver.post(CHANGES[0].id, with_name(BODY, "Chess"))
    document = asyncapi.document(Settings.load())
    message = document["components"]["messages"]["NamedChange"]
    sent = {name.lower(): value for name, value in there.headers[0].items()}
    for part, one in (("headers", sent), ("payload", json.loads(there.taken[0].body))):
        schema = {**message[part], "components": document["components"]}
        Draft202012Validator(schema).validate(one)
    assert sent["content-type"] == message["contentType"]


async def test_while_secrets_change_each_signature_is_there(there: Endpoint) -> None:
    async with client(there.url, webhook_secret=f"{OLD_SECRET} {SECRET}") as receiver:
        await receiver.post("élif:шахматы", BODY)
    for secret in (OLD_SECRET, SECRET):
        Webhook(secret).verify(BODY, there.headers[0])


@pytest.mark.parametrize(
    ("status", "result"),
    [
        *((status, Result.AGAIN) for status in (301, 307, 401, 403, 404, 408, 429, 500, 503)),
        *((status, Result.REFUSED) for status in (400, 413, 422)),
        (410, Result.GONE),
    ],
)
async def test_what_an_answer_means(there: Endpoint, status: int, result: Result) -> None:
    there.behave = always(status, "no\x1b[31m thanks", Location=there.url, Retry_After="7")
    async with client(there.url) as receiver:
        outcome = await receiver.post("c", BODY)
        assert outcome.result is result
        assert f"HTTP {status}" in outcome.detail
        assert "\x1b" not in outcome.detail
        assert bool(receiver.trouble) is (result is Result.AGAIN)
        assert outcome.pause == (7.0 if result is Result.AGAIN and status >= 400 else outcome.pause)
    assert sum(there.tries.values()) == 1, "no redirect is followed"


async def test_a_receiver_that_is_away_slow_or_no_http_server_is_tried_again(
    there: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    async def junk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff garbage\r\n\r\n")
        await writer.drain()
        writer.close()

    nowhere = f"http://127.0.0.1:{free_port()}/"
    there.behave = hang
    server = await asyncio.start_server(junk, "127.0.0.1", 0)
    async with server:
        garbage = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for url in (nowhere, garbage, there.url):
            async with client(url, webhook_timeout=0.3) as receiver:
                outcome = await receiver.post("c", BODY)
                assert outcome.result is Result.AGAIN
                assert outcome.detail in receiver.trouble
    assert "no answer within 0.3 s" in outcome.detail
    assert "trying again" in caplog.text


async def test_an_answer_without_end_is_not_read(there: Endpoint) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(status=int(request.match_info["status"]))
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65_536)
            sent += 65_536

    app = web.Application()
    app.router.add_post("/{status}", endless)
    runner, port = web.AppRunner(app, shutdown_timeout=0.1), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        for status, result in ((200, Result.DELIVERED), (500, Result.AGAIN)):
            async with client(f"http://127.0.0.1:{port}/{status}", webhook_timeout=5) as receiver:
                outcome = await receiver.post("c", BODY)
                assert outcome.result is result
                assert len(outcome.detail) < 300
        assert sent < 50 << 20, "no more than what lay in buffers"
    finally:
        await runner.cleanup()


async def test_nothing_that_is_secret_is_shown(
    there: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    there.behave = always(500)
    async with client(there.url) as receiver:
        outcome = await receiver.post("c", BODY)
        settings = Settings.load(webhook_http=True, webhook_url=there.url, webhook_secret=SECRET)
        shown = [caplog.text, outcome.detail, receiver.trouble, receiver.address, repr(settings)]
    assert not [one for one in shown if "s3cret" in one or SECRET[6:] in one]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"webhook_url": "http://127.0.0.1/s3cret"}, "http only to this machine"),
        ({"webhook_url": "http://example.com/s3cret", "webhook_http": True}, "an https url"),
        ({"webhook_url": "ftp://example.com/s3cret"}, "an https url"),
        ({"webhook_url": "s3cret"}, "an https url"),
        ({"webhook_secret": "s3cret"}, "24 to 64 bytes"),
        ({"webhook_secret": "whsec_" + base64.b64encode(b"s3cret").decode()}, "24 to 64 bytes"),
        ({"webhook_secret": " "}, "24 to 64 bytes"),
        ({"webhook_kinds": "started,born"}, "born: the kinds are started"),
    ],
)
def test_a_setting_that_is_wrong_is_said_without_what_is_secret(
    wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        Settings.load(**wrong)
    assert "s3cret" not in str(error.value)


def test_without_url_or_secret_there_is_no_webhook() -> None:
    with pytest.raises(SettingsError, match="JOURNEYS_WEBHOOK_URL"):
        Receiver(Settings.load(webhook_secret=SECRET))
    with pytest.raises(SettingsError, match="JOURNEYS_WEBHOOK_SECRET"):
        Receiver(Settings.load(webhook_url="https://example.com/hook"))
