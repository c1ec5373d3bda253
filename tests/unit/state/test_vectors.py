"""Vectors that outlive restarts: the same bits, a bounded size, and never an error."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.vectors import Vectors
from streams.settings import Settings
from streams.state.vectors import MB, RocksVectors, stored_vectors

DIMENSIONS = 256
Items = list[tuple[str, str]]


class Odd(Encoder):
    """Vectors with all bits of a float in use; `bits` makes it another encoder of the same name."""

    name = "odd@1"
    dimensions = DIMENSIONS

    def __init__(self, bits: int = 1) -> None:
        self.bits = bits
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        seeds = [[self.bits, *text.encode()] for text in texts]
        return np.stack(
            [np.random.default_rng(seed).normal(size=DIMENSIONS) for seed in seeds]
        ).astype(np.float32)


def items(*numbers: int) -> Items:
    return [(f"i{number}", f"title {number}") for number in numbers]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., RocksVectors]]:
    all_of_them: list[RocksVectors] = []

    def opened(encoder: Encoder | None = None, size: int = 100 * MB) -> RocksVectors:
        all_of_them.append(RocksVectors(tmp_path / "vectors", encoder or Odd(), size))
        return all_of_them[-1]

    yield opened
    for store in all_of_them:
        store.close()


def test_a_restart_finds_the_same_bits_and_encodes_nothing(
    opened: Callable[..., RocksVectors],
) -> None:
    first = VectorCache(Odd(), 10, opened())
    made = first.fill(items(1, 2, 3))
    first.close()
    again = VectorCache(encoder := Odd(), 10, opened())
    read = again.fill(items(3, 1, 2))
    assert encoder.asked == []
    assert [v.tobytes() for v in read] == [made[n].tobytes() for n in (2, 0, 1)]
    assert all(vector.flags.writeable == made[0].flags.writeable for vector in read)
    assert (again.counts.stored, again.counts.encoded) == (3, 0)
    again.fill([("i1", "another title"), ("another item", "title 1"), *items(1)])
    assert encoder.asked == ["another title", "title 1"]


def test_what_memory_has_no_room_for_is_found_all_the_same(
    opened: Callable[..., RocksVectors],
) -> None:
    cache = VectorCache(encoder := Odd(), 0, opened())
    cache.fill(items(1, 2))
    cache.fill(items(1, 2))
    assert len(encoder.asked) == 2
    assert (cache.counts.memory, cache.counts.stored, cache.counts.encoded) == (0, 2, 2)


def test_an_encoder_with_other_bits_finds_nothing_though_its_name_is_the_same(
    opened: Callable[..., RocksVectors],
) -> None:
    store = opened(Odd(bits=1))
    store.put(items(1), list(Odd(bits=1).encode(["title 1"])))
    store.close()
    assert opened(Odd(bits=2)).get(items(1)) == [None]


def test_its_size_is_bounded_and_the_oldest_go(
    opened: Callable[..., RocksVectors], tmp_path: Path
) -> None:
    store = opened(size=2 * MB)
    vectors = list(np.zeros((100, DIMENSIONS), np.float32))
    for start in range(0, 10_000, 100):
        store.put(items(*range(start, start + 100)), vectors)
    found = [vector is not None for vector in store.get(items(*range(10_000)))]
    assert all(found[-100:])
    assert not any(found[:1_000])
    size = sum(path.stat().st_size for path in (tmp_path / "vectors").iterdir())
    assert size < 4 * MB


def test_another_process_that_has_it_open_is_told_once_and_memory_does(
    opened: Callable[..., RocksVectors], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened()
    settings = Settings.load(data_dir=tmp_path)
    assert stored_vectors(settings, Odd()) is None
    [line] = caplog.messages
    assert "open in another process" in line
    assert stored_vectors(settings.model_copy(update={"stored_vectors_mb": 0}), Odd()) is None
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST", ".sst"])
def test_a_damaged_store_is_dropped_and_said_and_never_an_error(
    opened: Callable[..., RocksVectors], tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    vectors = list(Odd().encode([title for _, title in items(*range(3_000))]))
    store = opened(size=20 * MB)
    store.put(items(*range(3_000)), vectors)
    store.close()
    damaged = [path for path in (tmp_path / "vectors").iterdir() if name in path.name]
    assert damaged
    for path in damaged:
        whole = bytearray(path.read_bytes())
        for place in range(0, len(whole), 64):
            whole[place] ^= 0xFF
        path.write_bytes(whole)
    again = opened(size=20 * MB)
    found = again.get(items(*range(3_000)))
    assert found == [None] * 3_000
    assert any("damaged and are dropped" in line for line in caplog.messages)
    again.put(items(1), vectors[1:2])
    [vector] = again.get(items(1))
    assert vector is not None
    assert vector.tobytes() == vectors[1].tobytes()


def test_a_store_that_fails_twice_is_done_without(
    opened: Callable[..., RocksVectors], caplog: pytest.LogCaptureFixture
) -> None:
    store = opened()
    broken: Any = store
    for _ in range(2):
        broken._db.close()  # as a disk that fails
        assert store.get(items(1)) == [None]
    store.put(items(1), list(Odd().encode(["title 1"])))
    assert store.get(items(1)) == [None]
    assert len(caplog.messages) == 2
    assert "in memory only" in caplog.messages[-1]


def test_several_threads_may_use_it(opened: Callable[..., RocksVectors]) -> None:
    cache = VectorCache(Odd(), 20, opened())
    wanted = {
        item: vector.tobytes()
        for item, vector in zip(
            items(*range(90)), Odd().encode([t for _, t in items(*range(90))]), strict=True
        )
    }
    wrong: list[object] = []

    def work(offset: int) -> None:
        for start in range(60):
            some = items(*((start * 7 + offset + n) % 90 for n in range(20)))
            found = cache.fill(some)
            wrong.extend(
                item
                for item, vector in zip(some, found, strict=True)
                if vector.tobytes() != wanted[item]
            )

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert logging.getLogger("streams.state.vectors").level == logging.NOTSET
