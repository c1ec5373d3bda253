"""The file: made, shared by processes, left behind by another version."""

import sqlite3
from pathlib import Path

import pytest

from models.errors import SnapshotError
from streams.query import questions
from streams.query.copy import Position
from streams.query.store import Store
from tests.support.published import change_records, filled, journey_records, sample, take


def test_two_that_read_the_same_into_one_file_make_no_difference(tmp_path: Path) -> None:
    once = filled(tmp_path / "once")
    both = [Store(tmp_path / "both.sqlite") for _ in range(2)]
    changes, journeys = change_records(sample().changes), journey_records(sample().journeys)
    for half in (slice(0, 50), slice(20, None)):  # the second is behind, then ahead
        for store in both:
            take(store, changes[half], journeys[half])
    take(both[0], journeys=journeys[:30])  # and one reads again what the other has long read
    for user in questions.users(once):
        assert questions.journeys(both[1], user.user_id) == questions.journeys(once, user.user_id)
    assert questions.changes(both[0], limit=1_000) == questions.changes(once, limit=1_000)
    assert both[0].positions("j")[0].next == len(journeys)


def test_a_file_of_another_form_is_made_anew(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.close()
    with sqlite3.connect(tmp_path / "store.sqlite") as file:
        file.execute("PRAGMA user_version = 77")
    file.close()
    again = Store(tmp_path / "store.sqlite")
    assert questions.users(again) == []
    assert again.positions("j") == {}


def test_what_was_forgotten_is_read_anew(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.forget()
    assert questions.users(store) == []
    assert store.positions("j") == {}


def test_a_file_that_is_no_store_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "bad.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(SnapshotError, match=r"bad\.sqlite cannot be opened"):
        Store(tmp_path / "bad.sqlite")


def test_a_position_never_goes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    for place in (5, 3):
        store.add_changes([], "c", {0: Position("id", place, 0.0)})
    assert store.positions("c")[0].next == 5
