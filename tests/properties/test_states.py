"""Whatever comes to users, in whatever order, and wherever they are stored and loaded in between.

A Hypothesis state machine: activities in time, late and too late, events sent again, names that
come when they come, time that passes, erasures. After each step it holds what was published against
what is allowed after what was published before.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, ClassVar, get_args

import msgspec
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.lives import salt_of
from models.engine.outcome import Outcome
from models.engine.params import DAY_MS
from models.engine.users import UserState
from models.errors import Reason, Rejected
from models.records import Activity, JourneyName, Kind, NamingRequest, encode
from models.vectors import Vector
from tests.properties.test_core import PARAMS
from tests.support.lives import START, topic

USERS = ("ann", "bob")
HOUR_MS = DAY_MS // 24
# What may come after what, by stage; `named` may come at any time of a life, after the first.
FOLLOWS = {
    None: {"started"},
    "active": {"named", "shifted", "dormant", "merged", "ended"},
    "dormant": {"named", "resumed", "merged", "ended"},
    "ended": set[str](),
    "merged": set[str](),
}
STAGE = {"started": "active", "resumed": "active", "shifted": "active"}

users = st.sampled_from(USERS)
topics = st.integers(0, 2) | st.integers(0, 9)
leans = st.sampled_from([0.0, 0.0, 0.3, 0.55, 0.8])


def leaning(about: int, number: int, lean: float) -> Vector:
    """A topic that leans towards the first one: leaning more, it shifts, then it is that one."""
    share = np.float32(lean)
    vector = topic(about, number % 3) * (1 - share) + topic(0) * share
    unit: Vector = vector / np.linalg.norm(vector)
    return unit


def whole(user: UserState) -> dict[bytes, bytes | None]:
    """All that is stored of a user, whatever was stored before."""
    copy = deepcopy(user)
    copy.dirty, copy.removed, copy.versions = {c.number for c in copy.clusters}, set(), {}
    copy.counted.stored = copy.counted.first
    copy.counted.dropped.clear()
    return dict(snapshot.dump(copy))


def numbers(shown: Any) -> Iterator[float]:
    if isinstance(shown, float):
        yield shown
    elif isinstance(shown, dict):
        for each in shown.values():
            yield from numbers(each)
    elif isinstance(shown, list):
        for each in shown:
            yield from numbers(each)


class One:
    """One life of a user: what came, what became of it, and the state that is never stored."""

    def __init__(self, engine: Engine, user_id: str, salt: int | None) -> None:
        self.user_id, self.salt = user_id, salt
        self.user = engine.new_user(user_id, salt)  # stored and loaded as the machine likes
        self.kept = engine.new_user(user_id, salt)  # the same without
        self.stored: dict[bytes, bytes | None] = {}
        self.inputs: list[tuple[Any, Any]] = []
        self.published: list[bytes] = []
        self.stages: dict[str, str] = {}
        self.asked: list[NamingRequest] = []
        self.events: list[Activity] = []
        self.named: set[str] = set()


class Core(RuleBasedStateMachine):
    """The engine, as a worker would drive it."""

    seen: ClassVar[set[str]] = set()  # kinds of changes and other events, over all runs

    @initialize()
    def begin(self) -> None:
        self.engine = Engine(PARAMS)
        self.lives = {user_id: One(self.engine, user_id, None) for user_id in USERS}
        self.past: list[One] = []
        self.ids: set[str] = set()
        self.acts = self.erasures = 0

    @rule(user_id=users, about=topics, days=st.sampled_from([0, 0.5, 2, 6]), lean=leans)
    def does_something(self, user_id: str, about: int, days: float, lean: float) -> None:
        self.act(user_id, about, int(days * DAY_MS), lean)

    @rule(user_id=users, about=topics, weeks=st.integers(2, 6), lean=leans)
    def keeps_doing_it(self, user_id: str, about: int, weeks: int, lean: float) -> None:
        for _ in range(weeks):
            self.act(user_id, about, 5 * DAY_MS, lean)
            self.act(user_id, about, 2 * DAY_MS, lean)

    @rule(user_id=users, about=st.integers(1, 2))
    def turns_towards_another(self, user_id: str, about: int) -> None:
        for step in range(20):
            self.act(user_id, 0, 2 * DAY_MS, 0.0)
            self.act(user_id, about, 3 * DAY_MS, step / 25)

    @rule(user_id=users)
    def tries_this_and_that(self, user_id: str) -> None:
        for about in range(PARAMS.max_clusters + 3):
            self.act(user_id, about + 4, HOUR_MS, 0.0)

    @rule(user_id=users)
    def has_as_many_interests_as_there_is_room_for_and_one_more(self, user_id: str) -> None:
        for _ in range(6):
            for about in range(PARAMS.max_clusters):
                self.act(user_id, about, DAY_MS, 0.0)
        self.act(user_id, PARAMS.max_clusters, DAY_MS, 0.0)

    @rule(user_id=users, about=topics, days=st.sampled_from([20, 40, 80]))
    def comes_back(self, user_id: str, about: int, days: int) -> None:
        self.act(user_id, about, days * DAY_MS, 0.0)

    @rule(user_id=users, about=topics, hours=st.sampled_from([1, 23, 25, 200, 800, 1500]))
    def is_heard_of_late(self, user_id: str, about: int, hours: int) -> None:
        self.act(user_id, about, -hours * HOUR_MS, 0.0)

    @precondition(lambda self: any(life.events for life in self.lives.values()))
    @rule(user_id=users, back=st.integers(1, 30))
    def is_sent_again(self, user_id: str, back: int) -> None:
        life = self.lives[user_id]
        if life.events:
            again = life.events[-min(back, len(life.events))]
            before = whole(life.user)
            outcome = self.apply(life, again, topic(0))
            if outcome is not None and outcome.repeated:
                self.seen.add("repeated")
                assert encoded(outcome) == encoded(Outcome())
                assert whole(life.user) == before

    @rule(user_id=users, days=st.sampled_from([0, 1, 10, 40, 100]))
    def time_passes(self, user_id: str, days: int) -> None:
        life = self.lives[user_id]
        watermark = life.user.latest + 2 * PARAMS.lateness_ms + days * DAY_MS
        self.apply(life, watermark, None)
        assert life.user.due is None or life.user.due > watermark

    @rule(
        user_id=users,
        which=st.integers(0, 5),
        name=st.sampled_from(["Sailing", "Bread", "Chess", "", None]),
        source=st.sampled_from(["llm", "llm", "llm", "keywords"]),
    )
    def a_name_comes(self, user_id: str, which: int, name: str | None, source: Any) -> None:
        """To a request of this life or, once, of one that is over."""
        life = self.lives[user_id]
        asked = life.asked or [r for one in self.past if one.user_id == user_id for r in one.asked]
        if asked:
            request = asked[-1 - which % len(asked)]
            self.apply(life, request.answered(name, source), None)

    @rule(user_id=users, apart=st.booleans())
    def is_stored_and_loaded(self, user_id: str, apart: bool) -> None:
        life = self.lives[user_id]
        dumped = snapshot.dump(life.user)
        if apart:
            before, header, after = snapshot.apart(life.user, dumped)
            dumped = [*before, header, *after]
        life.stored.update(dumped)
        life.stored = {key: value for key, value in life.stored.items() if value is not None}
        life.user = snapshot.load(self.engine, user_id, life.stored.get)
        wanted = {user_id.encode()} | {key for key in whole(life.user) if b"\xff\xff" in key}
        assert len(life.stored) == len(wanted) + len(life.user.clusters)  # and nothing is left over

    @precondition(lambda self: any(life.published for life in self.lives.values()))
    @rule(user_id=users)
    def is_erased(self, user_id: str) -> None:
        life = self.lives[user_id]
        if life.published:
            self.check_again(life)
            self.past.append(life)
            self.erasures += 1
            salt = salt_of(START + self.erasures, 0)
            self.lives[user_id] = One(self.engine, user_id, salt)
            self.seen.add("erased")

    @invariant()
    def stored_or_not_is_the_same(self) -> None:
        for life in getattr(self, "lives", {}).values():
            assert whole(life.user) == whole(life.kept)
            assert len(life.user.clusters) <= PARAMS.max_clusters

    def teardown(self) -> None:
        for life in getattr(self, "lives", {}).values():
            self.check_again(life)

    def act(self, user_id: str, about: int, later: int, lean: float) -> None:
        life = self.lives[user_id]
        self.acts += 1
        moment = max(life.user.latest, START + 90 * DAY_MS) + later
        activity = Activity(
            f"e{self.acts}", user_id, f"i{self.acts}", f"{self.acts} about t{about}", moment
        )
        user = life.user
        window = moment // PARAMS.window_ms
        late = (
            moment < user.latest - PARAMS.lateness_ms
            and window <= user.latest // PARAMS.window_ms - PARAMS.history_windows
        )
        before, counts = whole(user), {c.number: c.count for c in user.clusters}
        full = len(counts) == PARAMS.max_clusters
        outcome = self.apply(life, activity, leaning(about, self.acts, lean))
        assert (outcome is None) == late
        if outcome is None:
            assert whole(user) == before
            self.seen.add("too late")
            return
        life.events.append(activity)
        self.check_counts(life, counts, outcome, full)

    def check_counts(self, life: One, before: dict[int, int], outcome: Outcome, full: bool) -> None:
        """One more is counted; none goes but with a journey that ends or one cluster for room."""
        user = life.user
        after = {cluster.number: cluster.count for cluster in user.clusters}
        merged = {gone for gone, _ in outcome.merged}
        ended = {change.journey_id for change in outcome.changes if change.kind == "ended"}
        gone = before.keys() - after.keys()
        lost = [number for number in gone if user.cluster_id(number) not in merged]
        dropped = [number for number in lost if user.journey_id(number) not in ended]
        assert len(dropped) <= full
        if dropped:
            self.seen.add("cluster made room")
        if any(c.kind == "ended" and c.cause == f"e{self.acts}" for c in outcome.changes):
            self.seen.add("journey made room")
        assert sum(after.values()) == 1 + sum(before.values()) - sum(before[n] for n in lost)
        assert outcome.cluster_id in {user.cluster_id(number) for number in after}

    def apply(self, life: One, what: Any, vector: Any) -> Outcome | None:
        """Apply an input to the user that is stored now and then, and to the one that is not."""
        life.inputs.append((what, vector))
        outcome, other = (
            applied(self.engine, user, what, vector) for user in (life.user, life.kept)
        )
        assert encoded(outcome) == encoded(other)
        if outcome is not None:
            life.published.append(encoded(outcome))
            self.check_published(life, outcome)
        return outcome

    def check_published(self, life: One, outcome: Outcome) -> None:
        user = life.user
        for change in outcome.changes:
            self.seen.add(change.kind)
            assert change.id not in self.ids
            self.ids.add(change.id)
            stage = life.stages.get(change.journey_id)
            assert change.kind in FOLLOWS[stage], (stage, change)
            if change.kind != "named":
                life.stages[change.journey_id] = STAGE.get(change.kind, change.kind)
                assert change.journey is not None
                assert change.journey.stage == life.stages[change.journey_id]
            else:
                life.named.add(change.journey_id)
        assert life.named == life.stages.keys()  # a journey has a name as soon as it is there
        living = {user.journey_id(c.number): journey.stage for c, journey in user.journeys()}
        told = {one: stage for one, stage in life.stages.items() if FOLLOWS[stage]}
        assert living == told
        for current in {one.journey.journey_id: one for one in outcome.journeys}.values():
            shown = current.journey
            assert shown.stage == life.stages[shown.journey_id]
            assert (current.rank is None) == (shown.stage in ("ended", "merged"))
            assert 0 < shown.started_at <= shown.last_active_at
            assert 0.0 <= shown.confidence <= 1.0
            assert shown.items
        for told_of in (outcome.changes, outcome.journeys, outcome.requests):
            assert all(map(math.isfinite, numbers(msgspec.to_builtins(told_of))))
        life.asked += outcome.requests

    def check_again(self, life: One) -> None:
        """The same inputs alone, without a stop, give the same bytes."""
        engine = Engine(PARAMS)
        user = engine.new_user(life.user_id, life.salt)
        outcomes = [applied(engine, user, what, vector) for what, vector in life.inputs]
        assert [encoded(one) for one in outcomes if one is not None] == life.published


def applied(engine: Engine, user: UserState, what: Any, vector: Any) -> Outcome | None:
    """What comes of an input; None for an activity that is too late."""
    if isinstance(what, int):
        return engine.passing(user, what)
    if isinstance(what, JourneyName):
        return engine.name(user, what)
    try:
        return engine.activity(user, what, vector)
    except Rejected as error:
        if error.reason is Reason.TOO_LATE:
            return None
        raise


def encoded(outcome: Outcome | None) -> bytes:
    if outcome is None:
        return b""
    return encode([outcome.changes, outcome.journeys, outcome.requests, outcome.merged])


def test_whatever_comes_what_is_published_is_in_order_and_the_same_wherever_it_is_cut() -> None:
    Core.seen = set()
    run_state_machine_as_test(
        Core,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    rare = {"repeated", "erased", "too late", "cluster made room", "journey made room"}
    reached = rare.union(get_args(Kind))
    assert reached <= Core.seen  # so that none of it is held of nothing
