"""The whole service on a real vLLM server: activities in, journeys named by a model out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.decoding import decode_request
from models.naming.answers import Policy, check
from models.naming.titles import Evidence
from streams.demo.children import Child
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics
from tests.support import brokers
from tests.support.servers import RealServer
from tests.support.workers import (
    WorkerProcess,
    activities,
    produce,
    read,
    until,
    wait_until_handled,
)

NAMED_SECONDS = 240.0  # some two seconds a name on two cores, which the worker wants, too


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """On the embedded broker alone: other tests see that brokers do not differ."""
    with brokers.serve("embedded", tmp_path) as address:
        found = Settings.load(
            broker=address,
            group="named",
            store="memory",
            web_port=0,
            data_dir=tmp_path / "state",
            naming_timeout=60.0,
        )
        admin.create(found)
        yield found


@contextmanager
def service(settings: Settings, url: str, folder: Path) -> Iterator[Child]:
    """A worker and a namer; gives the namer."""
    worker = WorkerProcess(settings, folder)
    try:
        with Child("namer", settings.model_copy(update={"vllm_url": url}), folder) as namer:
            worker.wait_ready()
            yield namer
    finally:
        worker.kill()


def of_users(*numbers: int) -> list[dict[str, Any]]:
    """The activities of some users of the sample."""
    sample = activities()
    known = sorted({one["user_id"] for one in sample})
    return [one for one in sample if one["user_id"] in {known[number] for number in numbers}]


def requested(settings: Settings) -> dict[str, Evidence]:
    """By journey, what a name was last asked for with."""
    asked = map(
        decode_request, (record.value for record in read(settings, Topics.of(settings).requests))
    )
    return {one.journey_id: Evidence.of(one) for one in asked}


def names(settings: Settings) -> dict[str, str]:
    """By journey, the name that the model gave last, as `journey-changes` tells it."""
    changes = [
        msgspec.json.decode(record.value) for record in read(settings, Topics.of(settings).changes)
    ]
    return {
        one["data"]["journey_id"]: one["data"]["name"]
        for one in changes
        if one["type"] == "journey.named.v1" and one["data"]["name_source"] == "llm"
    }


def answered(settings: Settings) -> int:
    """How many requests have an answer, a name or a reason why not."""
    return len(
        {
            msgspec.json.decode(record.value)["journey_id"]
            for record in read(settings, Topics.of(settings).names)
        }
    )


def test_journeys_are_named_by_the_model(
    settings: Settings, real_vllm: RealServer, tmp_path: Path
) -> None:
    produce(settings, of_users(0, 1))
    with service(settings, real_vllm.url, tmp_path) as namer:
        wait_until_handled(settings)
        asked = requested(settings)
        assert len(asked) >= 4
        until(lambda: answered(settings) == len(asked), "every request is answered", NAMED_SECONDS)
        # The worker publishes what the namer answered; a few may have no name that passes.
        until(lambda: len(names(settings)) >= 0.75 * len(asked), "most journeys are named")
        namer.check()
    for journey, name in names(settings).items():
        assert check(name, asked[journey], Policy(), similarity=1.0) == (name, None)


@pytest.mark.fault
def test_a_server_that_is_killed_in_mid_request_delays_names_and_nothing_else(
    settings: Settings, real_vllm: RealServer, tmp_path: Path
) -> None:
    with service(settings, real_vllm.url, tmp_path) as namer:
        produce(settings, of_users(2, 3))
        until(lambda: answered(settings), "the server names", NAMED_SECONDS)
        real_vllm.kill()
        try:
            produce(settings, of_users(4))
            wait_until_handled(settings)  # with no server
            asked = requested(settings)
            assert answered(settings) < len(asked)
        finally:
            real_vllm.start()
        until(lambda: answered(settings) == len(asked), "every request is answered", NAMED_SECONDS)
        namer.check()
