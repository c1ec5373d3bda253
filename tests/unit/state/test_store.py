"""Parts in memory and in RocksDB: the same promises."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rocksdict import DbClosedError

from models.errors import DamagedError, LockedError, StoreError
from streams.state.store import MemoryParts, Parts, RocksParts


@pytest.fixture(params=["memory", "rocksdb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Parts]:
    return MemoryParts if request.param == "memory" else lambda: RocksParts(tmp_path / "parts")


def test_what_is_written_can_be_read_and_deleted(opened: Callable[[], Parts]) -> None:
    parts = opened()
    assert parts.offset is None
    parts.write([(b"u1", b"h1"), (b"u1\xff\0\0\0\1", b"c1"), (b"u2", b"h2")], 2)
    assert parts.get(b"u1") == b"h1"
    assert parts.get(b"u3") is None
    parts.write([(b"u1\xff\0\0\0\1", None), (b"u2", b"new"), (b"u4", b"x"), (b"u4", None)], 6)
    assert parts.get(b"u1\xff\0\0\0\1") is None
    assert parts.get(b"u2") == b"new"
    assert parts.get(b"u4") is None
    assert parts.offset == 6
    parts.close()


def test_headers_are_found_among_clusters(opened: Callable[[], Parts]) -> None:
    parts = opened()
    users = [b"u", b"u1", b"u10", b"u2", "ü".encode()]
    clusters = [
        user + b"\xff" + number.to_bytes(4, "big")
        for user in users
        for number in (1, 2, 0xFFFFFFFF)
    ]
    parts.write([(key, b"h" if key in users else b"c") for key in users + clusters], 0)
    parts.write([(b"\xff", b"mark"), (b"\xff\xff", b"owner")], 1)
    assert sorted(parts.headers()) == sorted((user, b"h") for user in users)
    parts.close()


def test_rocksdb_has_everything_after_a_restart(tmp_path: Path) -> None:
    parts = RocksParts(tmp_path / "parts")
    parts.write([(b"u1", b"h1")], 41)
    with pytest.raises(LockedError):
        RocksParts(tmp_path / "parts")
    parts.close()
    again = RocksParts(tmp_path / "parts")
    assert again.get(b"u1") == b"h1"
    assert again.offset == 41
    again.close()


def test_broken_files_are_dropped_since_the_changelog_has_all(tmp_path: Path) -> None:
    parts = RocksParts(tmp_path / "parts")
    parts.write([(b"u1", b"h1")], 41)
    parts.close()
    (tmp_path / "parts" / "CURRENT").write_text("nonsense")
    again = RocksParts(tmp_path / "parts")
    assert again.offset is None
    assert again.get(b"u1") is None
    again.close()


def test_what_is_cleared_belongs_to_no_changelog(opened: Callable[[], Parts]) -> None:
    parts = opened()
    assert parts.changelog is None
    parts.write([(b"u1", b"h1")], 41)
    parts.bind("one")
    assert parts.changelog == "one"
    parts.clear()
    assert (parts.offset, parts.changelog, parts.get(b"u1")) == (None, None, None)
    parts.write([(b"u2", b"h2")], 3)
    assert [key for key, _ in parts.headers()] == [b"u2"]
    parts.close()


def test_rocksdb_knows_its_changelog_after_a_restart(tmp_path: Path) -> None:
    parts = RocksParts(tmp_path / "parts")
    parts.bind("one")
    parts.close()
    again = RocksParts(tmp_path / "parts")
    assert (again.changelog, again.offset) == ("one", None)
    again.close()


def flipped(tmp_path: Path) -> RocksParts:
    """A store in whose files some bytes of data are flipped."""
    parts = RocksParts(tmp_path / "parts")
    for start in range(0, 3_000, 100):
        users = [(b"u%05d" % n, os.urandom(100)) for n in range(start, start + 100)]
        parts.write(users, start)
    parts._db.flush()
    parts.close()
    [table] = (tmp_path / "parts").glob("*.sst")
    data = bytearray(table.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 64):
        data[place] ^= 0xFF
    table.write_bytes(data)
    return RocksParts(tmp_path / "parts")


def test_flipped_bytes_are_damage_and_not_a_shorter_index(tmp_path: Path) -> None:
    parts = flipped(tmp_path)
    with pytest.raises(DamagedError, match="block checksum mismatch"):
        list(parts.headers())
    with pytest.raises(DamagedError):
        parts.get(b"u00000")  # it is there: but who knows what is not
    with pytest.raises(DamagedError):
        parts.write([(b"u1", b"h1")], 4_000)
    parts.clear()
    assert (parts.damage, parts.offset, list(parts.headers())) == ("", None, [])
    parts.close()


def test_parts_that_are_closed_are_neither_damaged_nor_on_a_full_disk(tmp_path: Path) -> None:
    parts = RocksParts(tmp_path / "parts")
    parts.write([(b"u1", b"h1")], 41)
    parts.close()
    with pytest.raises(DbClosedError):
        parts.get(b"u1")
    with pytest.raises(DbClosedError):
        parts.write([], 42)
    assert not parts.damage
    again = RocksParts(tmp_path / "parts")
    assert again.offset == 41
    again.close()


def test_damage_that_ends_a_process_is_gone_at_its_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = flipped(tmp_path)
    with pytest.raises(DamagedError):
        list(parts.headers())
    parts.close()
    assert "files are dropped" in caplog.text
    again = RocksParts(tmp_path / "parts")
    assert (again.offset, list(again.headers())) == (None, [])
    again.close()


def test_a_user_in_flipped_bytes_is_damage(tmp_path: Path) -> None:
    parts = flipped(tmp_path)
    users = [b"u%05d" % number for number in range(3_000)]
    with pytest.raises(DamagedError):
        assert None not in map(parts.get, users), "it is no stranger"
    parts.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [("IO error: No space left on device", StoreError), ("Corruption: bad", DamagedError)],
)
def test_a_write_that_fails_says_whether_what_is_there_is_damaged(
    tmp_path: Path, said: str, error: type[Exception]
) -> None:
    parts: Any = RocksParts(tmp_path / "parts")

    def fail(batch: Any) -> None:
        raise OSError(said)

    db, parts._db = parts._db, SimpleNamespace(write=fail)
    with pytest.raises(error, match=said):
        parts.write([(b"u1", b"h1")], 4)
    assert parts.offset is None
    db.close()


def test_no_damage_is_taken_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "block checksum"
    path.mkdir()
    (path / "CURRENT").write_text("nonsense")
    RocksParts(path).close()
