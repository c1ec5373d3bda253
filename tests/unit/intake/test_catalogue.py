"""The copy of the catalogue: read whole, followed, and dropped where it cannot be the topic's."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka.structs import TopicPartition

from models.mapping.catalogue import CatalogueItem
from streams.intake.catalogue import FRESH_MS, Catalogue, open_store
from streams.service.metrics import BAD_ITEMS, INTAKE, ITEMS_READ, Metrics
from streams.state.store import Parts
from tests.support.fakes import incoming


class FakeConsumer:
    """A topic in memory, read from wherever it is asked to."""

    def __init__(self, *logs: list[Any]) -> None:
        self.logs = [*logs]
        self.at: dict[TopicPartition, int] = {}

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.at = dict.fromkeys(partitions, 0)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(len(self.logs)))

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[Any, int]:
        return {tp: len(self.logs[tp.partition]) for tp in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        return self.at[partition]

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        found = {tp: self.logs[tp.partition][at:] for tp, at in self.at.items()}
        self.at = {tp: len(self.logs[tp.partition]) for tp in self.at}
        return found


def log(*items: tuple[str, Any]) -> list[Any]:
    return [
        incoming(at, None if value is None else msgspec.json.encode(value), key.encode())
        for at, (key, value) in enumerate(items)
    ]


async def read(store: Parts, *logs: list[Any], topic_id: str = "t1") -> tuple[Catalogue, Metrics]:
    """A catalogue that has read all of these partitions."""
    metrics = Metrics(INTAKE)
    consumer: Any = FakeConsumer(*logs)
    found = Catalogue(consumer, "items", topic_id, len(logs), store, metrics)
    task = asyncio.create_task(found.run())
    await asyncio.wait_for(found.complete.wait(), 5)
    task.cancel()
    return found, metrics


FIRST = log(("a", {"title": "A"}), ("gone", {"title": "Gone"}), ("gone", None))
SECOND = log(("b", {"text": "B"}), ("bad", {"title": ""}), ("a/ö", {"title": "C"}))


OTHER = [incoming(3, b'{"title": "Other"}', b"other")]


@pytest.mark.parametrize("folder", [True, False])
async def test_it_is_read_whole_and_read_on(tmp_path: Path, folder: bool) -> None:
    store = open_store(tmp_path if folder else None)
    found, metrics = await read(store, FIRST, SECOND)
    titles = {name: item and item.title for name in ("a", "b", "a/ö", "gone", "bad", "\ud800")
              for item in [found.find(name)]}  # fmt: skip
    assert titles == {"a": "A", "b": "B", "a/ö": "C", "gone": None, "bad": None, "\ud800": None}
    assert metrics.value(BAD_ITEMS) == 1
    found, metrics = await read(store, FIRST + incoming_at(3, "a", "A again"), SECOND)
    assert metrics.value(ITEMS_READ) == 1
    assert found.find("a") == CatalogueItem("A again")
    store.close()


def incoming_at(offset: int, key: str, title: str) -> list[Any]:
    return [incoming(offset, msgspec.json.encode({"title": title}), key.encode())]


async def test_partitions_that_are_added_are_read(tmp_path: Path) -> None:
    store = open_store(None)
    consumer: Any = FakeConsumer(FIRST)
    found = Catalogue(consumer, "items", "t1", 1, store, Metrics(INTAKE))
    task = asyncio.create_task(found.run())
    await asyncio.wait_for(found.complete.wait(), 5)
    consumer.logs.append(SECOND)
    while found.find("b") is None:  # noqa: ASYNC110 - the catalogue does the work
        await asyncio.sleep(0)
    task.cancel()


@pytest.mark.parametrize(
    ("logs", "topic_id", "later", "said"),
    [
        ([FIRST, SECOND], "t2", 0, "made anew"),
        ([FIRST[:1], SECOND], "t1", 0, "further than the topic"),
        ([FIRST], "t1", 0, "further than the topic"),
        ([FIRST, SECOND + OTHER], "t1", FRESH_MS + 60_000, "too old"),
    ],
)
async def test_a_copy_that_cannot_be_the_topics_is_dropped_and_said(
    logs: list[list[Any]],
    topic_id: str,
    later: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = open_store(tmp_path)
    await read(store, FIRST, [*SECOND, *incoming_at(3, "only here", "X")])
    now = time.time()
    monkeypatch.setattr("streams.intake.catalogue.time.time", lambda: now + later / 1000)
    with caplog.at_level(logging.WARNING):
        found, _ = await read(store, *logs, topic_id=topic_id)
    assert said in caplog.text
    assert found.find("only here") is None
    assert found.find("a") == CatalogueItem("A")
    store.close()


async def test_a_copy_that_kept_no_texts_is_dropped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(tmp_path)
    position = msgspec.msgpack.encode(["t1", int(time.time() * 1000), {0: 1}])
    item = msgspec.msgpack.encode({"title": "A"})
    store.write([(b"a", item), (b"\xff", position)], 0)  # as versions before texts wrote it
    with caplog.at_level(logging.WARNING):
        found, _ = await read(store, log(("a", {"title": "A", "text": "All of it"})))
    assert "another version" in caplog.text
    assert found.find("a") == CatalogueItem("A", text="All of it")
    caplog.clear()
    again, metrics = await read(store, log(("a", {"title": "A", "text": "All of it"})))
    assert (caplog.text, metrics.value(ITEMS_READ)) == ("", 0)
    assert again.find("a") == found.find("a")
    store.close()


def test_each_process_has_a_copy_of_its_own(tmp_path: Path) -> None:
    first, second = open_store(tmp_path), open_store(tmp_path)
    first.write([(b"a", b"1")], 0)
    assert second.get(b"a") is None
    first.close()
    second.close()
