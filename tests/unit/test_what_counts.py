"""What counts, and how much: weights, repeats, scores of terms, an item again and again."""

from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest

from models.engine import snapshot
from models.engine.params import EngineParams, RepeatedItems
from models.engine.repeats import MOST_CHUNKS, CountedIds, short
from models.errors import Rejected
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


def test_an_event_that_is_sent_twice_counts_once() -> None:
    life = Life()
    for time in (0, 1):
        for number in range(3):
            life.act(number * WEEK + time, about=1, event_id=f"e{number}")
    assert [out.repeated for out in life.outcomes] == [False] * 3 + [True] * 3
    assert life.kinds() == []
    assert [cluster.count for cluster in life.user.clusters] == [3]


def test_a_log_that_is_sent_twice_changes_what_it_changes_once() -> None:
    def live(times: int) -> Life:
        life = Life()
        for _ in range(times):
            for number in range(60):
                with suppress(Rejected):
                    life.act(number * 5, about=number % 3, event_id=f"e{number}")
        return life

    assert live(1).kinds().count("started") > 1
    assert live(2).ids() == live(1).ids()
    assert live(2).user.latest == live(1).user.latest


def test_an_event_id_is_known_as_long_as_its_window_is_kept_and_not_for_ever() -> None:
    life = Life()
    for week in range(20):
        life.act(week * WEEK, about=1, event_id=f"e{week}")
    assert life.act(19 * WEEK, about=1, event_id="e14").repeated
    assert not life.act(19 * WEEK, about=1, event_id="e1").repeated


def test_ids_survive_their_bytes_are_written_once_and_forgotten_in_time() -> None:
    kept, reloaded, parts = Life(), Life(), dict[bytes, bytes]()
    written = 0
    for number in range(400):
        event = f"e{number % 37 if number % 5 else number}"
        outs = [life.act(number / 3, number % 4, event_id=event) for life in (kept, reloaded)]
        assert outs[0].repeated == outs[1].repeated
        for key, value in snapshot.dump(reloaded.user):
            written += len(value or b"") if key.startswith(b"u\xff\xff") else 0
            parts.pop(key, None)
            if value is not None:
                parts[key] = value
        reloaded.user = snapshot.load(reloaded.engine, "u", parts.get)
    assert told(kept) == told(reloaded)
    assert any(out.repeated for out in kept.outcomes)
    assert written < 10 * 400
    ids = [key for key in parts if key.startswith(b"u\xff\xff")]
    assert 0 < len(ids) == len(reloaded.user.counted.chunks()) < 400 / 8 / 2


def test_the_ids_of_one_user_are_bounded() -> None:
    ids = CountedIds()
    for number in range(10_000):
        ids.add(short(f"e{number}"), 1)
    assert len(ids.chunks()) == MOST_CHUNKS
    assert short("e9999") in ids
    assert short("e6000") in ids
    assert short("e5000") not in ids


def test_state_of_version_2_is_read() -> None:
    life, parts = weighed(lambda _: 1.0), dict[bytes, bytes]()
    for key, value in snapshot.dump(life.user):
        if value is None or key.startswith(b"u\xff\xff"):
            continue
        # As it was written: no ids at the end of a header, no weight at the end of a part.
        fields = msgspec.msgpack.decode(value)
        before = fields[:6] if snapshot.is_header(key) else fields[:5]
        parts[key] = msgspec.msgpack.encode([2, *before[1:]])
    old = Life()
    old.user = snapshot.load(old.engine, "u", parts.get)
    old.acts = life.acts
    life.outcomes.clear()
    for one in (old, life):
        one.weekly(range(10, 14), about=1)
    assert told(old) == told(life)


def test_scores_of_terms_rank_the_terms_of_a_journey() -> None:
    def terms(**scores: float) -> list[str]:
        life = Life()
        for week in range(3):
            for time in range(2):
                life.act(week * WEEK + time, about=1, terms=scores)
        [one] = last(life).values()
        return list(one.journey.terms)

    assert terms(zorn=9.0, quux=1.0) == ["zorn", "quux"]
    assert terms(zorn=1.0, quux=9.0) == ["quux", "zorn"]
    assert terms(zorn=1.0, quux=0.0) == ["zorn"]
    assert "topic1" in terms(zorn=0.0), "without a score that says something, the title's terms"


def test_one_item_again_and_again_is_no_journey_unless_the_user_says_so() -> None:
    def watched(rule: RepeatedItems, weeks: int, items: int) -> Life:
        life = Life(EngineParams(repeated_items=rule))
        for number in range(30):
            item = number % items
            life.act(number * weeks * WEEK / 30, 1, "Baby Shark", wobble=False, item_id=f"v{item}")
        return life

    for weeks in (4, 12):
        once = watched("once", weeks, items=1)
        assert once.kinds() == []
        assert [cluster.count for cluster in once.user.clusters] == [30]
        assert watched("each", weeks, items=1).kinds()[:2] == ["started", "named"]
        assert watched("once", weeks, items=4).kinds() == []
        assert watched("once", weeks, items=5).kinds()[:2] == ["started", "named"]
