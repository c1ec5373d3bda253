"""What counts, and how much: weights, repeats, scores of terms, an item again and again."""

from collections.abc import Callable

import pytest

from models.engine import snapshot
from models.records import CurrentJourney, encode
from tests.support.lives import WEEK, Life


def told(life: Life) -> bytes:
    """All that was published of a life."""
    return encode([[out.changes, out.journeys, out.requests] for out in life.outcomes])


def weighed(weight: Callable[[int], float]) -> Life:
    """Ten weeks of two interests, their activities weighed by number."""
    life = Life()
    for week in range(10):
        for time in range(4):
            life.act(week * WEEK + time, about=1 + time % 2, weight=weight(week * 4 + time))
    return life


def last(life: Life) -> dict[str, CurrentJourney]:
    return {one.journey.journey_id: one for out in life.outcomes for one in out.journeys}


@pytest.mark.parametrize("unit", [1e-150, 0.05, 0.11, 1 / 3, 7.0, 10.0, 1e6])
@pytest.mark.parametrize("weights", [(1.0,), (0.2, 3.0), (1.0, 1.0, 0.7, 5.0)])
def test_the_unit_of_weights_makes_no_difference(weights: tuple[float, ...], unit: float) -> None:
    plain = weighed(lambda number: weights[number % len(weights)])
    scaled = weighed(lambda number: weights[number % len(weights)] * unit)
    assert told(scaled) == told(plain)
    assert plain.kinds().count("started") == 2


def test_weights_rank_journeys_and_move_none() -> None:
    plain, mixed = weighed(lambda _: 1.0), weighed(lambda n: (0.2, 3.0)[n % 2])
    changes, same = ([c for out in life.outcomes for c in out.changes] for life in (plain, mixed))
    assert encode(changes) == encode(same)
    strengths = [[one.strength for one in last(life).values()] for life in (plain, mixed)]
    assert strengths[0][1] / strengths[0][0] == pytest.approx(1.0, abs=0.1)
    assert strengths[1][1] / strengths[1][0] == pytest.approx(15.0, rel=0.1)
    bought_first = weighed(lambda n: (3.0, 0.2)[n % 2])
    assert [one.rank for one in last(mixed).values()] == [2, 1]
    assert [one.rank for one in last(bought_first).values()] == [1, 2]


def test_weights_survive_their_bytes() -> None:
    life = weighed(lambda number: (0.2, 3.0)[number % 2])
    again = snapshot.load(life.engine, "u", dict(snapshot.dump(life.user)).get)
    kept, loaded = Life(), Life()
    kept.user, loaded.user = life.user, again
    for one in (kept, loaded):
        one.act(10 * WEEK, about=1, weight=2.0)
    assert told(kept) == told(loaded)
