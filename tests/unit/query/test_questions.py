"""What can be asked of what was published, and whether the answers agree with it."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from models.errors import QuestionError, UnknownError
from models.records import Change, CurrentJourney, encode
from models.selection import Selection
from streams.query import questions, timelines
from streams.query.answers import moment
from streams.query.store import Store
from tests.support.published import ENCODER, change_records, filled, journey_records, sample, take
from tests.support.users import fold


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return filled(tmp_path)


def last_journeys() -> dict[str, CurrentJourney]:
    return {one.journey.journey_id: one for one in sample().journeys}


def test_a_users_journeys_are_those_published_last_the_strongest_first(store: Store) -> None:
    for user in questions.users(store):
        found = questions.journeys(store, user.user_id)
        wanted = {i: one for i, one in last_journeys().items() if one.user_id == user.user_id}
        assert {one.journey_id: one.name for one in found} == {i: j.name for i, j in wanted.items()}
        assert len(found) == user.journeys
        ranks = [one.rank for one in found if one.rank is not None]
        assert ranks == sorted(ranks)
        for one in found:
            assert one.items[0].title == wanted[one.journey_id].journey.items[0].title
            assert one.strength == wanted[one.journey_id].strength
            view = wanted[one.journey_id].journey
            assert (one.kind, one.evergreen, one.theme) == (view.kind, view.evergreen, view.theme)


def test_a_users_row_is_that_of_the_topic_and_who_has_none_is_unknown(store: Store) -> None:
    rows = fold(last_journeys().values())
    assert len(rows) > 3
    found = {user: encode(questions.row(store, user)) for user in rows}
    assert found == rows
    for user in {one.user_id for one in questions.users(store)} - rows.keys() | {"nobody"}:
        with pytest.raises(UnknownError, match=f"no journey of {user} lives"):
            questions.row(store, user)


def test_over_time_the_journeys_of_a_theme_stand_together(store: Store) -> None:
    found = timelines.people(store)
    assert any(len(person.bars) > len({bar.theme for bar in person.bars}) for person in found)
    for person in found:
        ids = [bar.theme.theme_id if bar.theme else bar.journey_id for bar in person.bars]
        runs = [one for one, before in zip(ids, [None, *ids], strict=False) if one != before]
        assert len(runs) == len(set(ids))


def test_at_a_time_they_stand_as_the_changes_until_then_say(store: Store) -> None:
    changes = sample().changes
    times = sorted({change.occurred_at for change in changes})[:: max(1, len(changes) // 20)]
    for time in times:
        stages: dict[str, dict[str, str]] = defaultdict(dict)
        names: dict[str, str] = {}
        for change in (one for one in changes if one.occurred_at <= time):
            if change.journey is None:
                names[change.journey_id] = change.name or ""
            else:
                stages[change.user_id][change.journey_id] = change.journey.stage
        for user, wanted in stages.items():
            found = questions.journeys(store, user, at=moment(time))
            assert {one.journey_id: one.stage for one in found} == wanted
            assert all(one.name == names.get(one.journey_id, one.name) for one in found)
    assert questions.journeys(store, changes[0].user_id, at=datetime(2000, 1, 1, tzinfo=UTC)) == []


def test_a_stage_can_be_asked_for_and_none_that_is_none(store: Store) -> None:
    user = questions.users(store)[0].user_id
    every = questions.journeys(store, user)
    active = questions.journeys(store, user, stages=["active"])
    assert active == [one for one in every if one.stage == "active"]
    with pytest.raises(QuestionError, match="asleep: none of active, dormant"):
        questions.journeys(store, user, stages=["asleep"])


def test_pages_of_changes_give_each_once_in_its_users_order(store: Store) -> None:
    found, after = [], ""
    while (page := questions.changes(store, after=after, limit=7)).changes:
        assert len(page.changes) <= 7
        found += page.changes
        after = page.after
    assert sorted(one.id for one in found) == sorted(one.id for one in sample().changes)
    for user in {one.user_id for one in found}:
        mine = [one.id for one in found if one.user_id == user]
        assert mine == [one.id for one in sample().changes if one.user_id == user]


def test_after_a_changes_cursor_comes_what_was_published_behind_it(store: Store) -> None:
    every = questions.changes(store, limit=1_000).changes
    rest = questions.changes(store, after=every[4].cursor or "", limit=1_000).changes
    assert [one.id for one in rest] == [one.id for one in every[5:]]
    assert questions.changes(store, after=questions.latest(store)).changes == []


def test_changes_can_be_asked_for_by_user_kind_and_time(store: Store) -> None:
    user = sample().changes[0].user_id
    since = moment(sorted(one.occurred_at for one in sample().changes)[40])
    kinds = Selection(kinds=frozenset(("started", "named")))
    page = questions.changes(store, user_id=user, selection=kinds, since=since)
    assert [one.id for one in page.changes] == [
        one.id
        for one in sample().changes
        if one.user_id == user
        and one.kind in ("started", "named")
        and moment(one.occurred_at) >= since
    ]
    rest = questions.changes(store, after=page.after, user_id=user, selection=kinds)
    assert rest.changes == []


def test_fewer_changes_by_name_confidence_and_day_whatever_the_pages(store: Store) -> None:
    every = questions.changes(store, limit=1_000).changes
    name, *_ = [one.name for one in every if one.kind == "named"]
    chosen = Selection(names=(f"{name[:4].upper()}*",))
    wanted = [one.id for one in every if one.name.casefold().startswith(name[:4].casefold())]
    assert [one.id for one in questions.changes(store, selection=chosen).changes] == wanted
    sure = questions.changes(store, selection=Selection(confidence=0.9), limit=1_000).changes
    assert 0 < len(sure) < len(every)
    assert all(one.journey.confidence >= 0.9 for one in sure if one.journey)
    assert {one.kind for one in sure} >= {"started", "named"}

    few = Selection(kinds=frozenset(["dormant", "resumed"]), per_day=2)
    whole = questions.changes(store, selection=few, limit=1_000).changes
    assert max(Counter(one.user_id for one in whole).values()) == 2, "all were published at once"
    found, after = [], ""
    while (page := questions.changes(store, after=after, selection=few, limit=1)).changes:
        found += page.changes
        after = page.after
    assert [one.id for one in found] == [one.id for one in whole]


def test_every_change_has_a_name_to_show(store: Store) -> None:
    names = {journey_id: one.name for journey_id, one in last_journeys().items()}
    for change in questions.changes(store, limit=1_000).changes:
        if change.kind != "named":
            assert change.name == names[change.journey_id]


def test_a_repeated_change_is_one_change(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    changes = sample().changes[:10]
    take(store, change_records([*changes, *changes[3:7]]))
    assert len(questions.changes(store).changes) == 10


def test_a_history_is_all_that_happened_to_a_journey(store: Store) -> None:
    journey_id = sample().changes[0].journey_id
    wanted: list[Change] = [one for one in sample().changes if one.journey_id == journey_id]
    found = questions.history(store, journey_id)
    assert {one.id for one in found} == {one.id for one in wanted}
    assert [one.occurred_at for one in found] == sorted(one.occurred_at for one in found)
    with pytest.raises(UnknownError, match="there is no journey j0"):
        questions.history(store, "j0")
    with pytest.raises(UnknownError, match="there is no journey j0"):
        questions.journey(store, "j0")


def test_near_a_vector_are_those_of_its_direction_and_what_is_none_is_refused(store: Store) -> None:
    one = next(one for one in last_journeys().values() if one.rank is not None)
    vector = one.journey.vector
    (first,) = questions.near(store, [300 * number for number in vector], ENCODER, limit=1)
    assert first.journey_id == one.journey.journey_id
    for wrong, why in (
        ([0.0] * len(vector), "not all 0"),
        ([float("inf"), *vector[1:]], "finite"),
        ([1.0, 2.0], f"2 numbers, and {len(vector)} are a vector of {ENCODER}"),
    ):
        with pytest.raises(QuestionError, match=why):
            questions.near(store, wrong, ENCODER)


def test_the_nearest_journeys_are_those_of_the_highest_cosine(store: Store) -> None:
    current = {i: one for i, one in last_journeys().items() if one.rank is not None}
    target = next(iter(current.values()))
    vector = np.asarray(target.journey.vector, np.float32)
    found = questions.nearest(store, vector, ENCODER, limit=5)
    cosines = {i: float(np.dot(vector, one.journey.vector)) for i, one in current.items()}
    assert [one.journey_id for one in found] == sorted(cosines, key=lambda i: -cosines[i])[:5]
    assert found[0].journey_id == target.journey.journey_id
    others = questions.alike(store, target.journey.journey_id, limit=3)
    assert len(others) == 3
    assert target.user_id not in {one.user_id for one in others}


def test_a_private_journey_is_near_to_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    private, *others = (one for one in last_journeys().values() if one.rank is not None)
    vector = np.asarray(private.journey.vector, np.float32)
    withheld = replace(private, journey=replace(private.journey, items=[], terms={}, vector=[]))
    take(store, journeys=journey_records([withheld, *others]))
    near = {one.journey_id for one in questions.nearest(store, vector, ENCODER, limit=500)}
    assert near == {one.journey.journey_id for one in others}
    assert questions.alike(store, private.journey.journey_id) == []
    assert questions.journey(store, private.journey.journey_id).items == []


def test_a_vector_of_another_space_is_refused(store: Store) -> None:
    with pytest.raises(QuestionError, match=f"space of {ENCODER}, and this is one of b@2"):
        questions.nearest(store, np.zeros(256, np.float32), "b@2")


def test_an_erased_journey_is_gone_with_its_changes(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    records = journey_records(sample().journeys)
    take(store, change_records(sample().changes), records)
    gone = last_journeys()[sample().changes[0].journey_id]
    tombstone = records[-1]._replace(
        offset=len(records), value=None, key=f"{gone.user_id}/{gone.journey.journey_id}".encode()
    )
    before = len(questions.journeys(store, gone.user_id))
    take(store, journeys=[tombstone])
    assert len(questions.journeys(store, gone.user_id)) == before - 1
    assert gone.journey.journey_id not in {
        one.journey_id for one in questions.changes(store, limit=1_000).changes
    }
    counted = {one.user_id: one.journeys for one in questions.users(store)}
    assert counted.get(gone.user_id, 0) == before - 1


def test_users_are_found_by_a_part_of_their_id(store: Store) -> None:
    every = questions.users(store, order="id")
    assert [one.user_id for one in every] == sorted(one.user_id for one in every)
    part = every[0].user_id[1:3]
    assert questions.users(store, part, order="id") == [one for one in every if part in one.user_id]
    recent = questions.users(store)
    assert [one.updated_at for one in recent] == sorted(
        (one.updated_at for one in every), reverse=True
    )
    assert questions.users(store, "%") == []


def test_the_top_names_are_those_of_most_users(store: Store) -> None:
    users = defaultdict(set)
    for one in last_journeys().values():
        if one.journey.stage == "active":
            users[one.name.lower()].add(one.user_id)
    found = questions.top(store, limit=1_000)
    assert {one.name.lower(): one.users for one in found} == {n: len(u) for n, u in users.items()}
    assert [one.users for one in found] == sorted((one.users for one in found), reverse=True)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_limit_out_of_bounds_is_refused(store: Store, limit: int) -> None:
    with pytest.raises(QuestionError, match="limit must be from 1 to 1000"):
        questions.changes(store, limit=limit)


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "1-2-3", "1-2.y"])
def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(QuestionError, match="is no cursor"):
        questions.changes(store, after=cursor)
