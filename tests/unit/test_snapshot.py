"""State survives its bytes: what is loaded goes on exactly as what was dumped."""

from typing import Any

import msgspec
import numpy as np
import pytest

from models.engine import snapshot
from models.engine.compact import sketched, unsketched
from models.engine.exemplars import CLOSENESS
from models.engine.params import DAY_MS, FADING_HALF_LIFE_MS
from models.engine.users import UserState
from models.errors import SnapshotError
from models.records import encode
from tests.support.lives import START, WEEK, Life


def stored(life: Life, parts: dict[bytes, bytes]) -> None:
    for key, value in snapshot.dump(life.user):
        if value is None:
            parts.pop(key, None)
        else:
            parts[key] = value


def test_a_user_reloaded_after_every_activity_has_the_same_future() -> None:
    kept, reloaded, parts = Life(), Life(), dict[bytes, bytes]()
    for day in range(300):
        about = (day * 7 + day // 31) % 5 if day % 3 else day % 11
        first, second = kept.act(day / 2, about), reloaded.act(day / 2, about)
        assert encode([first.changes, first.journeys]) == encode([second.changes, second.journeys])
        stored(reloaded, parts)
        reloaded.user = snapshot.load(reloaded.engine, "u", parts.get)
    assert kept.kinds().count("started") > 3


def stored_apart(life: Life, parts: dict[bytes, bytes], *, until: str = "all of it") -> None:
    """Store a dump bit by bit; it may end before its header, or before what it deletes."""
    before, header, after = snapshot.apart(life.user, snapshot.dump(life.user))
    steps = {"the header": before, "deletes": [*before, header]}
    for key, value in steps.get(until, [*before, header, *after]):
        if value is None:
            parts.pop(key, None)
        else:
            parts[key] = value


def test_a_user_who_is_stored_bit_by_bit_has_the_same_future() -> None:
    kept, reloaded, parts = Life(), Life(), dict[bytes, bytes]()
    for day in range(300):
        about = (day * 7 + day // 31) % 5 if day % 3 else day % 11
        first, second = kept.act(day / 2, about), reloaded.act(day / 2, about)
        assert encode([first.changes, first.journeys]) == encode([second.changes, second.journeys])
        (stored_apart if day % 4 == 0 else stored)(reloaded, parts)
        reloaded.user = snapshot.load(reloaded.engine, "u", parts.get)
    ids = len(reloaded.user.counted.chunks())
    assert len(parts) == 1 + len(reloaded.user.clusters) + ids, "nothing is left behind"


@pytest.mark.parametrize("until", ["the header", "deletes"])
def test_what_is_stored_bit_by_bit_counts_all_or_not_at_all(until: str) -> None:
    life, then, now, parts = Life(), Life(), Life(), dict[bytes, bytes]()
    for each in (life, then, now):
        for act in range(40):
            each.act(act, about=act % 5)
    stored(life, parts)
    for each in (life, now):
        for act in range(40):
            each.act(50 + act / 10, about=act % 7)
    stored_apart(life, parts, until=until)
    wanted = then if until == "the header" else now
    assert whole(snapshot.load(life.engine, "u", parts.get)) == whole(wanted.user)


def whole(user: UserState) -> list[tuple[bytes, bytes | None]]:
    """All that a user is, wherever its parts lie."""
    user.versions.clear()
    user.dirty = {cluster.number for cluster in user.clusters}
    user.removed.clear()
    user.counted.stored = user.counted.first
    user.counted.dropped.clear()
    return snapshot.dump(user)


def test_only_what_changed_is_written_and_the_header_comes_last() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    for about in range(4):
        life.act(about / 10, about, wobble=False)
    stored(life, parts)
    assert len(parts) == 5
    life.act(1, about=2)
    written = snapshot.dump(life.user)
    assert len(written) == 2
    assert [snapshot.is_header(key) for key, _ in written] == [False, True]


def test_the_header_tells_when_time_alone_brings_a_change() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    life.weekly(range(3), about=1)
    life.user.applied[3] = 41
    stored(life, parts)
    due, behind = snapshot.due_of(parts[b"u"])
    assert (due, behind) == (life.engine.due(life.user), None)
    assert due == START + (7 * WEEK + 2) * DAY_MS
    assert snapshot.load(life.engine, "u", parts.get).applied == {3: 41}


def test_ids_of_a_user_away_from_home_are_their_own_and_for_life() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    life.user = life.engine.new_user("u", 3)
    life.act(1, about=1)
    stored(life, parts)
    told = life.user.journey_id(1)
    assert told not in {UserState("u").journey_id(1), UserState("u", 0).journey_id(1)}
    assert UserState("u", 0).journey_id(1) != UserState("u").journey_id(1)
    for salt in (None, 3, 5):
        assert snapshot.load(life.engine, "u", parts.get, salt).journey_id(1) == told


def test_state_that_was_written_before_there_were_salts_is_read_and_keeps_its_ids() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    life.weekly(range(3), about=1)
    stored(life, parts)
    *before, salt, versions, _, _ = msgspec.msgpack.decode(parts[b"u"], strict=False)
    assert (salt, versions) == (None, {})
    parts[b"u"] = msgspec.msgpack.encode(before)
    assert snapshot.due_of(parts[b"u"]) == (life.user.due, None)
    assert snapshot.load(life.engine, "u", parts.get, 3).journey_id(1) == UserState("u").journey_id(
        1
    )


def test_exemplars_that_were_written_with_other_scores_keep_their_order() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    for day in range(9):
        life.act(day, about=1)
    stored(life, parts)
    older = {key: msgspec.msgpack.decode(value) for key, value in parts.items()}
    for part in older.values():
        part[0] = 3
        if isinstance(part[1], list):
            for exemplar in part[1][7]:
                age = exemplar[2] / FADING_HALF_LIFE_MS
                exemplar[3] = (exemplar[3] - age) / CLOSENESS + age
    packed = {key: msgspec.msgpack.encode(part) for key, part in older.items()}
    read = snapshot.load(life.engine, "u", packed.get)
    for now, then in zip(life.user.clusters[0].exemplars, read.clusters[0].exemplars, strict=True):
        assert now.item_id == then.item_id
        assert now.score == pytest.approx(then.score)


def test_state_stays_small() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    for day in range(200):
        life.act(day / 4, about=day % 10, title=f"{'a rather long title of a film ' * 9}{day}")
    stored(life, parts)
    assert max(map(len, parts.values())) < 1024


@pytest.mark.parametrize("broken", [b"", b"\xc1", b"\x97\x02", msgspec.msgpack.encode([9] * 6)])
def test_bytes_that_cannot_be_read_are_an_error(broken: bytes) -> None:
    with pytest.raises(SnapshotError):
        snapshot.load(Life().engine, "u", {b"u": broken}.get)


def test_a_missing_part_is_an_error() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    life.act(1, about=1)
    stored(life, parts)
    with pytest.raises(SnapshotError, match="missing"):
        snapshot.load(life.engine, "u", {b"u": parts[b"u"]}.get)


def test_what_a_journey_remembers_of_its_beginning_is_small_and_near_enough() -> None:
    random = np.random.default_rng(3)
    for dimensions in (1, 7, 256):
        vector = random.standard_normal(dimensions).astype(np.float32)
        raw = sketched(vector)
        off = unsketched(raw, dimensions) - vector
        assert len(raw) <= 5 + dimensions / 2
        assert off @ off < 0.04 * (vector @ vector)
    assert not unsketched(sketched(np.zeros(4, np.float32)), 4).any()


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (0, msgspec.msgpack.encode([4, None, 1, 1, {}, [1 << 40], [0, 0, b""]])),
        (0, msgspec.msgpack.encode([4, None, 1, 1, {}, [-1], [0, 0, b""]])),
        (1, "no mean"),
    ],
)
def test_what_fuzzing_found_is_told_as_broken_state(number: int, value: Any) -> None:
    life = Life()
    life.weekly(range(5), about=1)
    parts = {key: part for key, part in snapshot.dump(life.user) if part is not None}
    key = sorted(parts)[number]
    if value == "no mean":
        read = msgspec.msgpack.decode(parts[key])
        value = msgspec.msgpack.encode([*read[:2], b"", *read[3:]])
    with pytest.raises(SnapshotError, match="state of user 'u'"):
        snapshot.load(life.engine, "u", (parts | {key: value}).get)
