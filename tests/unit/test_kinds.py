"""Evergreen or situational, told from rhythm."""

from models.records import JourneyView
from tests.support.lives import WEEK, Life


def last(life: Life) -> JourneyView:
    return next(out.journeys[-1] for out in reversed(life.outcomes) if out.journeys).journey


def test_what_goes_on_for_a_year_is_evergreen_and_more_surely_the_longer_it_does() -> None:
    life, chances = Life(), []
    for week in range(104):
        life.act(week * WEEK, about=1)
        if week in (10, 30, 60, 103):
            chances.append(last(life).evergreen or 0.0)
    assert chances == sorted(chances)
    assert chances[0] < 0.5 < chances[-1]
    assert last(life).kind == "evergreen"


def test_a_few_busy_weeks_and_then_silence_are_situational() -> None:
    life = Life()
    life.weekly(range(8), about=1, times=5)
    assert last(life).kind == "situational"
    busy = last(life).evergreen
    life.pass_to(30 * WEEK)
    assert (last(life).stage, last(life).kind) == ("dormant", "situational")
    assert (last(life).evergreen or 0.0) < (busy or 0.0)


def test_changes_tell_it_too() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    started = life.outcomes[-2].changes[0].journey
    assert started is not None
    assert started.kind == last(life).kind
    assert 0.0 < (started.evergreen or 0.0) < 1.0
