"""The file: made, shared by processes, left behind by another version."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from models.engine.lives import prefix_of, salt_of
from models.errors import SnapshotError
from streams.query import questions
from streams.query.copy import Position
from streams.query.store import ErasureRow, Store
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


@pytest.mark.parametrize("first", ["changes", "erasure"])
def test_of_an_erased_life_nothing_is_known_whatever_is_read_first(
    tmp_path: Path, first: str
) -> None:
    user = sample().changes[0].user_id
    store, whole = Store(tmp_path / "one.sqlite"), filled(tmp_path / "whole")
    journeys = journey_records(sample().journeys)
    if first == "changes":
        take(store, change_records(sample().changes), journeys)
    for _ in range(2):  # also if it is read again
        erasure = ErasureRow(partition=1, offset=5, time=1_800_000_000_000, user_id=user)
        store.add_erasures([erasure], "e", {1: Position("", 6, 0)})
    if first == "erasure":
        others = [one for one in sample().journeys if one.user_id != user]
        take(store, change_records(sample().changes), journey_records(others))
    assert known(store, user) == []
    assert questions.journeys(store, user) == []
    assert known(store) == [one for one in known(whole) if one not in known(whole, user)]
    store.close()  # what was deleted is no more in the file either
    assert user.encode() not in (tmp_path / "one.sqlite").read_bytes()
    # Who has come back since is known again.
    new = prefix_of(user, salt_of(1_800_000_000_000, 1))
    one = next(one for one in sample().changes if one.user_id == user and one.kind == "started")
    assert one.journey is not None
    view = msgspec.structs.replace(one.journey, journey_id=f"j{new}-1")
    fresh = msgspec.structs.replace(one, id="new", journey_id=f"j{new}-1", journey=view)
    take(store, [record._replace(offset=5_000) for record in change_records([fresh])])
    assert known(store, user) == ["new"]


def known(store: Store, user: str = "%") -> list[str]:
    """The ids of a user's changes, of everybody's if no one is named."""
    rows = store.ask("SELECT id FROM changes WHERE user_id LIKE ? ORDER BY id", [user])
    return [row["id"] for row in rows]
