"""What must hold for any lives of any users: see `models/engine/engine.py`."""

from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.params import DAY_MS, EngineParams
from models.engine.users import UserState
from models.errors import Rejected
from models.records import Activity, Change, JourneyName, Kind, encode
from tests.support.lives import START, WEEK, topic

PARAMS = EngineParams(
    dormant_windows=3,  # up to 4 in a slow rhythm
    ended_windows=9,
    max_clusters=6,
    shift=0.1,
    half_life_ms=20 * DAY_MS,
    scale=EngineParams().scale._replace(merge=-6.0),
)

# A step of a life: days since the step before (now and then weeks, now and then backwards), topic.
# Few topics and short gaps, so that most lives have journeys: `test_the_lives…` holds that.
gaps = st.one_of(st.sampled_from([0.5, 1, 2, 3]), st.sampled_from([-1.0, -0.3, 6, 15, 25, 80]))
topics = st.one_of(st.integers(0, 2), st.integers(0, 2), st.integers(0, 12))
steps = st.lists(st.tuples(gaps, topics), min_size=40, max_size=120)
relaxed = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


def life(user_id: str, days: list[tuple[float, int]]) -> list[tuple[Activity, int]]:
    moment, told = float(START + 30 * DAY_MS), []
    for number, (gap, about) in enumerate(days):
        moment = max(moment + gap * DAY_MS, START)
        told.append(
            (
                Activity(
                    f"{user_id}.{number}", user_id, f"i{number}", f"about t{about}", int(moment)
                ),
                about,
            )
        )
    return told


def drifting(activity: Activity, about: int) -> NDArray[np.float32]:
    """Interests that turn towards the first one as time goes: they shift, then merge."""
    days = (activity.occurred_at - START) / DAY_MS
    share = np.float32(min(0.7, days / 200))
    vector = topic(about, len(activity.event_id) % 3) * (1 - share) + topic(0) * share
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit


def apply(engine: Engine, user: UserState, activity: Activity, about: int) -> list[Change]:
    try:
        return engine.activity(user, activity, drifting(activity, about)).changes
    except Rejected:
        return []


def run(told: list[tuple[Activity, int]]) -> list[bytes]:
    engine = Engine(PARAMS)
    user = engine.new_user(told[0][0].user_id)
    return [
        encode(change)
        for activity, about in told
        for change in apply(engine, user, activity, about)
    ]


@relaxed
@given(steps)
def test_the_same_life_twice_gives_the_same_bytes(days: list[tuple[float, int]]) -> None:
    assert run(life("u", days)) == run(life("u", days))


@relaxed
@given(steps, steps, st.randoms(use_true_random=False))
def test_neighbours_change_nothing(
    one: list[tuple[float, int]], two: list[tuple[float, int]], random: object
) -> None:
    lives = {"a": life("a", one), "b": life("b", two)}
    alone = {name: run(told) for name, told in lives.items()}
    engine = Engine(PARAMS)
    users = {name: engine.new_user(name) for name in lives}
    together: dict[str, list[bytes]] = {"a": [], "b": []}
    order = [name for name, told in lives.items() for _ in told]
    random.shuffle(order)  # type: ignore[attr-defined]
    left = {name: iter(told) for name, told in lives.items()}
    for name in order:
        activity, about = next(left[name])
        together[name] += [encode(change) for change in apply(engine, users[name], activity, about)]
    assert together == alone


@relaxed
@given(steps, st.sets(st.integers(0, 79)))
def test_where_state_is_stored_and_loaded_changes_nothing(
    days: list[tuple[float, int]], stops: set[int]
) -> None:
    told, engine, parts = life("u", days), Engine(PARAMS), dict[bytes, bytes | None]()
    user = engine.new_user("u")
    changes = []
    for number, (activity, about) in enumerate(told):
        changes += [encode(change) for change in apply(engine, user, activity, about)]
        if number in stops:
            parts.update(snapshot.dump(user))
            user = snapshot.load(engine, "u", parts.get)
    assert changes == run(told)


@relaxed
@given(steps, st.lists(st.integers(0, 79), max_size=20))
def test_the_watermark_brings_nothing_that_the_user_would_not(
    days: list[tuple[float, int]], ticks: list[int]
) -> None:
    """Neighbours may be ahead by as much as things may be out of order, and it does not show."""
    told, engine = life("u", days), Engine(PARAMS)
    user = engine.new_user("u")
    changes = []
    for number, (activity, about) in enumerate(told):
        if number in ticks and activity.occurred_at >= user.latest:
            ahead = activity.occurred_at + PARAMS.lateness_ms
            changes += [encode(change) for change in engine.passing(user, ahead).changes]
        changes += [encode(change) for change in apply(engine, user, activity, about)]
    assert changes == run(told)


@relaxed
@given(steps, st.sets(st.integers(0, 119), min_size=10, max_size=20))
def test_the_watermark_waited_for_is_when_time_alone_brings_the_first_change(
    days: list[tuple[float, int]], looks: set[int]
) -> None:
    engine, parts = Engine(PARAMS), dict[bytes, bytes | None]()
    user = engine.new_user("u")
    for number, (activity, about) in enumerate(life("u", days)):
        apply(engine, user, activity, about)
        if number in looks:
            parts.update(snapshot.dump(user))
            due = engine.due(user)
            early, timely = (snapshot.load(engine, "u", parts.get) for _ in range(2))
            assert engine.passing(early, (due or 10**15) - 1).changes == []
            assert due is None or engine.passing(timely, due).changes


@relaxed
@given(steps)
def test_dormant_comes_no_sooner_than_the_plain_rule_and_no_later_than_its_bound(
    days: list[tuple[float, int]],
) -> None:
    engine = Engine(PARAMS)
    user = engine.new_user("u")
    changes = [
        change
        for activity, about in life("u", days)
        for change in apply(engine, user, activity, about)
    ]
    changes += engine.passing(user, START + 20_000 * DAY_MS).changes
    for change in changes:
        if change.kind == "dormant" and change.journey is not None:
            last = max(window.start for window in change.journey.windows) // PARAMS.window_ms
            silent = change.occurred_at // PARAMS.window_ms - 1 - last
            assert PARAMS.dormant_windows <= silent <= PARAMS.most_dormant_windows


@relaxed
@given(steps, st.sampled_from([0.01, 0.3, 7.0, 1e5]))
def test_the_unit_of_weights_changes_nothing(days: list[tuple[float, int]], unit: float) -> None:
    def lived(unit: float) -> list[bytes]:
        engine = Engine(PARAMS)
        user = engine.new_user("u")
        told = []
        for number, (activity, about) in enumerate(life("u", days)):
            weighed = msgspec.structs.replace(activity, weight=(0.2, 1.0, 3.0)[number % 3] * unit)
            try:
                out = engine.activity(user, weighed, drifting(activity, about))
            except Rejected:
                continue
            told.append(encode([out.changes, out.journeys, out.requests]))
        return told

    assert lived(unit) == lived(1.0)


@relaxed
@given(steps, st.sets(st.integers(0, 119)))
def test_what_is_sent_again_at_once_changes_nothing(
    days: list[tuple[float, int]], again: set[int]
) -> None:
    told = life("u", days)
    twice = [one for n, one in enumerate(told) for _ in range(1 + (n in again))]
    assert run(twice) == run(told)


@relaxed
@given(steps, st.integers(0, 30))
def test_when_a_name_arrives_changes_nothing_else(
    days: list[tuple[float, int]], delay: int
) -> None:
    told, engine = life("u", days), Engine(PARAMS)
    user = engine.new_user("u")
    changes: list[bytes] = []
    waiting: list[tuple[int, JourneyName]] = []
    for number, (activity, about) in enumerate(told):
        while waiting and waiting[0][0] <= number:
            engine.name(user, waiting.pop(0)[1])
        try:
            out = engine.activity(user, activity, drifting(activity, about))
        except Rejected:
            continue
        changes += map(encode, out.changes)
        waiting += [
            (
                number + 1 + delay,
                JourneyName(
                    user_id="u",
                    journey_id=request.journey_id,
                    revision=request.revision,
                    name=f"Name {request.journey_id} {request.revision}",
                    source="llm",
                ),
            )
            for request in out.requests
        ]
    assert changes == run(told)


@relaxed
@given(st.lists(st.tuples(st.floats(0, 6.99), st.integers(0, 7)), min_size=1, max_size=200))
def test_a_binge_never_makes_a_journey(acts: list[tuple[float, int]]) -> None:
    engine = Engine(PARAMS)
    user = engine.new_user("u")
    for number, (day, about) in enumerate(acts):
        activity = Activity(f"e{number}", "u", f"i{number}", "a title", START + int(day * DAY_MS))
        assert apply(engine, user, activity, about) == []
    assert engine.passing(user, START + 99 * WEEK * DAY_MS).changes == []


@relaxed
@given(steps)
def test_ids_are_unique_and_the_stages_follow_one_another(days: list[tuple[float, int]]) -> None:
    engine = Engine(PARAMS)
    user = engine.new_user("u")
    changes = [
        change
        for activity, about in life("u", days)
        for change in apply(engine, user, activity, about)
    ]
    changes += engine.passing(user, START + 20_000 * DAY_MS).changes
    assert len({change.id for change in changes}) == len(changes)
    follows = {
        None: {"started"},
        "started": {"named"},
        "named": {"shifted", "dormant", "merged"},
        "shifted": {"shifted", "dormant", "merged", "ended"},
        "dormant": {"resumed", "ended", "merged"},
        "resumed": {"shifted", "dormant", "merged"},
        "ended": set(),
        "merged": set(),
    }
    follows["named"] |= {"ended"}
    follows["resumed"] |= {"ended"}
    last: dict[str, str] = {}
    for change in changes:
        assert change.kind in follows[last.get(change.journey_id)], change
        last[change.journey_id] = change.kind
    assert set(last.values()) <= {"ended", "merged"}
    assert len(user.clusters) <= PARAMS.max_clusters


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_lives_that_are_tried_have_every_kind_of_change_in_them(kind: str) -> None:
    def has_it(days: list[tuple[float, int]]) -> bool:
        engine = Engine(PARAMS)
        user = engine.new_user("u")
        return any(
            change.kind == kind
            for activity, about in life("u", days)
            for change in apply(engine, user, activity, about)
        )

    find(steps, has_it, settings=settings(relaxed, max_examples=1_000, phases=[Phase.generate]))
