"""A user's journeys under a few themes: which, for how long, and what these are called."""

from collections import defaultdict

import msgspec
import pytest

from models.engine import snapshot
from models.engine.params import EngineParams
from models.guard.policy import Handling, Policy
from models.records import CurrentJourney, Theme, encode
from tests.support.lives import WEEK, Life

KIN = 0.6  # so near are hiking, skiing and rowing here, and so they are no single journey
HIKING = ("Hiking in the hills", 1)
SKIING = ("Skiing on fresh snow", 2)
CHESS = ("Chess openings", 3)
ROWING = ("Rowing on the river", 4)
ILL = ("Living with depression", 2)


def live(life: Life, weeks: range, *interests: tuple[str, int]) -> None:
    """The user does all this twice in each of the weeks; all topics but chess are kin."""
    for week in weeks:
        for time in range(2):
            for title, about in interests:
                day = week * WEEK + 1 + time + about / 10
                life.act(day, about, f"{title} {life.acts}", kin=0.0 if about == CHESS[1] else KIN)


def told(life: Life) -> dict[str, CurrentJourney]:
    """How each journey was published last, by id."""
    return {one.journey.journey_id: one for out in life.outcomes for one in out.journeys}


def themes(life: Life) -> dict[str, list[str]]:
    """Ids of the journeys under each theme."""
    found = defaultdict(list)
    for journey_id, one in told(life).items():
        if one.journey.theme is not None:
            found[one.journey.theme.theme_id].append(journey_id)
    return found


def test_journeys_that_are_near_have_one_theme_and_others_their_own() -> None:
    life = Life()
    live(life, range(4), HIKING, SKIING, CHESS)
    assert sorted(map(len, themes(life).values())) == [1, 2]


def test_a_theme_is_named_once_it_has_two_journeys_and_both_are_told() -> None:
    life = Life()
    live(life, range(4), HIKING)
    [alone] = told(life).values()
    assert alone.journey.theme is not None
    assert alone.journey.theme.name is None
    live(life, range(4, 8), SKIING, CHESS)
    under = [one.journey.theme for one in told(life).values()]
    [first, second] = [one for one in under if one and one.theme_id == alone.journey.theme.theme_id]
    assert first == second
    assert "hiking" in (first.name or "").lower()
    assert "snow" in (first.name or "").lower()


def test_a_theme_is_for_life_and_loses_its_name_with_all_but_one_journey() -> None:
    life = Life()
    live(life, range(4), HIKING, SKIING)
    [(theme, ids)] = themes(life).items()
    live(life, range(4, 90), HIKING)
    live(life, range(90, 94), SKIING)
    assert "ended" in life.kinds()
    assert set(ids) < {*themes(life)[theme]}
    assert len(themes(life)[theme]) == 3
    life = Life()
    live(life, range(4), HIKING, SKIING)
    live(life, range(4, 90), HIKING)
    stages = {one.journey.stage: one.journey.theme for one in told(life).values()}
    assert stages["ended"] is not None
    assert stages["ended"].name is not None
    assert stages["active"] == Theme(theme)


def test_what_has_become_something_else_moves() -> None:
    life = Life()
    live(life, range(4), HIKING, CHESS)
    before = themes(life)
    assert len(before) == 2
    # Chess clubs that hike: the journey goes on, and leans ever more to where hiking lies.
    for week in range(4, 60):
        for time in range(4):
            life.act(week * WEEK + time, 3, f"Chess hikes {life.acts}", kin=min(week / 20, 1.5))
    assert "shifted" in life.kinds()
    after = themes(life)
    assert sorted(map(len, after.values())) == [2]
    assert set(after) < set(before)


@pytest.mark.parametrize("handling", ["neutral", "shown"])
def test_a_sensitive_journey_lends_its_theme_no_word(handling: Handling) -> None:
    life = Life(EngineParams(policy=Policy(handling=handling)))
    live(life, range(4), HIKING, ILL)
    assert all(
        one.journey.theme is None or not one.journey.theme.name for one in told(life).values()
    )
    live(life, range(4, 8), ROWING)
    names = {one.journey.theme.name for one in told(life).values() if one.journey.theme} - {None}
    assert len(names) == 1
    assert "depression" not in str(names).lower()
    # Nor is it said that the private one is near to them.
    assert [len(ids) for ids in themes(life).values()] == [2 if handling == "neutral" else 3]


def test_a_policy_of_today_withholds_a_name_of_yesterday() -> None:
    life = Life()
    live(life, range(4), HIKING, SKIING)
    for _, journey in life.user.journeys():
        journey.theme_name = "Depression, skiing"
    live(life, range(4, 5), HIKING)
    [hiking, _] = sorted(told(life).values(), key=lambda one: -one.updated_at)
    assert hiking.journey.theme is not None
    assert hiking.journey.theme.name is None


def test_state_from_before_there_were_themes_gets_them_with_its_next_journey() -> None:
    life, parts = Life(), dict[bytes, bytes]()
    live(life, range(4), HIKING)
    for key, value in snapshot.dump(life.user):
        older = msgspec.msgpack.decode(value or b"", strict=False)
        if snapshot.is_header(key):
            older = older[:-1]
        elif isinstance(older[1], list):
            older[1][8] = older[1][8] and older[1][8][:10]
        parts[key] = msgspec.msgpack.encode(older)
    life.user = snapshot.load(life.engine, "u", parts.get)
    live(life, range(4, 5), HIKING)
    [hiking] = told(life).values()
    assert hiking.journey.theme is None
    live(life, range(5, 9), SKIING)
    assert [len(ids) for ids in themes(life).values()] == [2]


def test_the_same_log_has_the_same_bytes_with_every_activity_from_state() -> None:
    kept, reloaded, parts = Life(), Life(), dict[bytes, bytes]()
    for life in (kept, reloaded):
        live(life, range(3), HIKING, SKIING, CHESS)
    for key, value in snapshot.dump(reloaded.user):
        parts[key] = value or b""
    reloaded.user = snapshot.load(reloaded.engine, "u", parts.get)
    for life in (kept, reloaded):
        live(life, range(3, 80), CHESS, HIKING)
        live(life, range(80, 84), SKIING)
    assert [encode(out.journeys) for out in kept.outcomes] == [
        encode(out.journeys) for out in reloaded.outcomes
    ]
