"""What the namer tells a platform and Prometheus while its server goes and comes."""

import asyncio
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from models.records import encode
from streams.demo.broker import free_port
from streams.demo.children import Child
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support.naming import request
from tests.support.vllm_stub import Stub
from tests.support.workers import until

pytestmark = pytest.mark.broker


@pytest.fixture
def namer(settings: Settings, stub: Stub, tmp_path: Path) -> Iterator[Child]:
    admin.create(settings)
    with Child(
        "namer",
        settings.model_copy(update={"vllm_url": stub.url, "web_port": free_port()}),
        tmp_path,
    ) as child:
        yield child


async def test_it_says_that_its_server_is_down_and_counts_what_it_does(
    settings: Settings, stub: Stub, namer: Child
) -> None:
    def shown(path: str) -> str:
        with urllib.request.urlopen(namer.url(path), timeout=5) as answer:
            return str(answer.read().decode())

    async def comes(text: str, path: str = "/metrics") -> None:
        await asyncio.to_thread(until, lambda: text in shown(path), f"{path} says {text}")

    await asyncio.to_thread(until, namer.is_ready, "the namer is ready")
    await stub.stop()
    asked = request()
    with connect(settings, KafkaProducer) as client:
        for value in (encode(asked), b"no request"):
            client.send(Topics.of(settings).requests, value, asked.user_id.encode())
        client.flush()
    await comes("does not answer", "/readyz")
    await comes("journeys_namer_server_up 0.0")
    await comes("journeys_namer_requests 2.0")  # both wait: acknowledged is in order
    assert "journeys_namer_oldest_request_seconds 0.0" not in await asyncio.to_thread(
        shown, "/metrics"
    )
    await stub.start()
    await comes('journeys_namer_answers_total{outcome="named"} 1.0')
    await comes('journeys_namer_answers_total{outcome="bad"} 1.0')
    await comes("journeys_namer_requests 0.0")
    await comes("journeys_namer_oldest_request_seconds 0.0")
    await comes("journeys_namer_server_up 1.0")
    assert "ready, 4 partitions" in await asyncio.to_thread(shown, "/readyz")
    assert "journeys_namer_calls_total 0.0" not in await asyncio.to_thread(shown, "/metrics")


def test_a_port_that_is_taken_is_one_line(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Child("namer", settings.model_copy(update={"web_port": port}), tmp_path) as child:
            until(lambda: child.log.read_text().count("\n"), "the namer has ended")
            assert "JOURNEYS_WEB_PORT" in child.last_line()
