"""Parts in memory and in RocksDB: the same promises."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import LockedError
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


def test_no_damage_is_taken_for_another_process(tmp_path: Path) -> None:
    path = tmp_path / "block checksum"
    path.mkdir()
    (path / "CURRENT").write_text("nonsense")
    RocksParts(path).close()
