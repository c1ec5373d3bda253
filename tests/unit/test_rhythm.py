"""Silence and return in a journey's own rhythm."""

import pytest

from models.engine.lifecycle import due_of
from models.engine.params import DAY_MS, EngineParams
from models.engine.rhythm import UNIT, USUAL, followed, patience
from tests.support.lives import START, WEEK, Life

FIXED = EngineParams(dormancy="fixed")


def started(params: EngineParams | None = None) -> Life:
    life = Life(params)
    life.weekly(range(5), about=1)
    return life


def seldom(params: EngineParams | None = None) -> Life:
    """A journey that goes on for two years, an activity every sixth week."""
    life = started(params)
    for week in range(10, 110, 6):
        life.act(week * WEEK + 1, about=1)
    return life


def test_a_journey_that_comes_seldom_flips_less_than_half_as_often_as_by_the_plain_rule() -> None:
    flips = [life.kinds().count("resumed") for life in (seldom(), seldom(FIXED))]
    assert flips == [0, 17]
    assert seldom().user.clusters[0].last_at == seldom(FIXED).user.clusters[0].last_at


def test_it_wakes_when_it_is_active_in_two_windows_close_together() -> None:
    life = seldom()
    life.act(112 * WEEK, about=1)
    assert life.kinds()[-1] == "dormant"
    woken = life.act(114 * WEEK, about=1)
    assert [change.kind for change in woken.changes] == ["resumed"]


def test_after_a_long_absence_one_activity_wakes_it_and_after_a_short_one_none() -> None:
    for weeks, woken in ((20, []), (40, ["resumed"])):
        life = started()
        life.pass_to((4 + weeks - 2) * WEEK)
        assert [change.kind for change in life.act((4 + weeks) * WEEK, 1).changes] == woken


def test_a_lone_activity_of_one_that_sleeps_is_published_as_current_all_the_same() -> None:
    life = seldom()
    [current] = life.outcomes[-1].journeys
    assert current.journey.stage == "dormant"
    assert current.journey.last_active_at == life.user.latest


@pytest.mark.parametrize("params", [EngineParams(), FIXED])
def test_a_weekly_one_is_dormant_after_four_silent_windows(params: EngineParams) -> None:
    life = Life(params)
    life.weekly(range(12), about=1)
    [dormant] = life.pass_to(30 * WEEK).changes
    assert dormant.occurred_at == START + 16 * WEEK * DAY_MS


def test_one_that_comes_every_third_week_is_waited_for_a_window_longer() -> None:
    life = started()
    for week in range(7, 50, 3):
        life.act(week * WEEK, about=1)
    [dormant] = life.pass_to(80 * WEEK).changes
    assert dormant.occurred_at == START + (49 + 1 + 5) * WEEK * DAY_MS


def test_one_whose_rhythm_quickens_may_be_due_sooner_and_is_waited_for() -> None:
    params = EngineParams(dormant_windows=24, ended_windows=99, lateness_ms=20 * WEEK * DAY_MS)
    life = Life(params)
    life.weekly(range(3), about=1)
    for week in range(10, 180, 10):
        life.act(week * WEEK, about=1)
    life.weekly(range(170, 174), about=2)
    before = life.engine.due(life.user)
    life.act(171 * WEEK, about=1)  # late: the first step of one week after many of ten
    due = life.engine.due(life.user)
    assert due == min(due_of(*journey, params) for journey in life.user.journeys())
    assert before is not None
    assert due is not None
    assert due < before


def test_patience_has_bounds() -> None:
    params = EngineParams(dormant_windows=12, ended_windows=15)
    assert [patience(params, int(weeks * UNIT)) for weeks in (1, 4, 4.5, 9, 99)] == [
        12,
        12,
        14,
        14,
        14,
    ]
    assert patience(EngineParams(dormant_windows=12, dormancy="fixed"), 99 * UNIT) == 12
    rhythm = USUAL
    for _ in range(40):
        rhythm = followed(rhythm, 1)
    assert UNIT <= rhythm < UNIT + 5


def test_one_that_is_woken_by_what_comes_late_falls_asleep_at_another_moment() -> None:
    """The same moment would be the same id, of two changes that tell of two silences."""
    life = Life()
    for week in (0, 1, 2, 5, 6):
        life.act(week * WEEK + 1, about=1)
        life.act(week * WEEK + 2, about=1)
    [first] = life.pass_to(14 * WEEK).changes
    [woken] = life.act(7 * WEEK + 1, about=1).changes
    [second] = life.pass_to(14 * WEEK).changes
    assert [one.kind for one in (first, woken, second)] == ["dormant", "resumed", "dormant"]
    assert second.occurred_at == first.occurred_at + WEEK * DAY_MS
    assert len(set(life.ids())) == len(life.ids())
