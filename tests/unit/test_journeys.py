"""The life of a journey, told by its changes."""

import numpy as np
import pytest

from models.engine.params import DAY_MS, EngineParams
from models.errors import Reason, Rejected
from models.records import Activity, JourneyName
from models.vectors import Vector
from tests.support.lives import START, WEEK, Life, topic


def unit(vector: Vector) -> Vector:
    shortened: Vector = vector / np.linalg.norm(vector)
    return shortened


def answer(life: Life, name: str, revision: int = 1) -> JourneyName:
    [journey_id] = {change.journey_id for out in life.outcomes for change in out.changes}
    return JourneyName(
        user_id="u", journey_id=journey_id, revision=revision, name=name, source="llm", model="m"
    )


def test_an_interest_that_persists_becomes_a_journey_with_a_name_and_a_request() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    started = life.outcomes[-2]  # the fifth activity, in the third week
    assert [change.kind for change in started.changes] == ["started", "named"]
    assert life.kinds() == ["started", "named"]
    journey = started.changes[0].journey
    assert journey is not None
    assert journey.stage == "active"
    assert [window.activities for window in journey.windows] == [2, 2, 1]
    assert len(journey.items) == 5
    assert "topic1" in journey.terms
    assert started.changes[1].name == journey.keywords
    assert [request.revision for request in started.requests] == [1]
    assert started.journeys[-1].name == journey.keywords


def test_a_binge_in_one_window_is_no_journey() -> None:
    life = Life()
    for hour in range(100):
        life.act(1 + hour / 24, about=1)
    life.pass_to(20 * WEEK)
    assert life.kinds() == []


def test_three_windows_need_five_activities() -> None:
    life = Life()
    life.weekly(range(4), about=1, times=1)
    assert life.kinds() == []
    life.act(4 * WEEK + 1, about=1)
    assert life.kinds() == ["started", "named"]


def test_windows_too_far_apart_do_not_add_up() -> None:
    life = Life()
    for week in (0, 6, 12):
        life.act(week * WEEK, about=1)
        life.act(week * WEEK + 1, about=1)
    assert life.kinds() == []


def test_silence_makes_it_dormant_return_resumes_it_and_long_silence_ends_it() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    life.pass_to(30 * WEEK)
    life.act(40 * WEEK, about=1)
    life.pass_to(200 * WEEK)
    assert life.kinds() == ["started", "named", "dormant", "resumed", "dormant", "ended"]
    dormant = life.outcomes[-3].changes[0]
    assert dormant.occurred_at == START + 7 * WEEK * DAY_MS  # the end of the fourth silent window
    assert len(set(life.ids())) == 6
    assert not life.user.clusters


def test_silent_windows_are_worked_off_before_the_next_activity() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    back = life.act(30 * WEEK, about=2)
    assert [change.kind for change in back.changes] == ["dormant"]
    watched = Life()
    watched.weekly(range(3), about=1)
    watched.pass_to(29 * WEEK)
    watched.act(30 * WEEK, about=2)
    assert watched.ids() == life.ids()


def test_the_watermark_waits_for_those_who_are_late() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    end = 7 * WEEK
    assert life.engine.due(life.user) == START + (end + 2) * DAY_MS
    assert life.pass_to(end + 1.99).changes == []
    assert [change.kind for change in life.pass_to(end + 2).changes] == ["dormant"]


def test_late_activities_count_while_their_window_is_kept_and_are_rejected_after() -> None:
    life = Life()
    life.weekly(range(2), about=1)
    life.act(3 * WEEK, about=2)
    life.act(2 * WEEK + 1, about=1)  # six days late: the third week counts
    assert life.kinds() == ["started", "named"]
    life.act(9 * WEEK, about=2)
    clusters = len(life.user.clusters)
    with pytest.raises(Rejected) as rejected:
        life.act(2 * WEEK, about=1)
    assert rejected.value.reason is Reason.TOO_LATE
    assert len(life.user.clusters) == clusters


def test_a_vector_of_another_size_is_rejected_and_changes_nothing() -> None:
    life = Life()
    life.act(1, about=1)
    with pytest.raises(Rejected) as rejected:
        life.engine.activity(
            life.user, Activity("e", "u", "i", "t", START + 9 * DAY_MS), topic(1)[:8]
        )
    assert rejected.value.reason is Reason.BAD_VECTOR
    assert life.user.latest == START + DAY_MS


def test_a_name_is_applied_once_and_a_stale_or_void_one_never() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    keywords = life.outcomes[-2].changes[1].name
    assert life.engine.name(life.user, answer(life, "Old news", revision=9)).changes == []
    assert life.engine.name(life.user, answer(life, "  ")).changes == []
    named = life.engine.name(life.user, answer(life, "Baking at home"))
    [change] = named.changes
    assert (change.kind, change.name, change.name_source) == ("named", "Baking at home", "llm")
    assert change.id not in life.ids()
    assert named.journeys[0].name == "Baking at home"
    assert named.journeys[0].journey.keywords == keywords
    assert life.engine.name(life.user, answer(life, "Another")).changes == []


def test_two_journeys_of_one_user_never_share_a_name() -> None:
    life = Life()
    life.weekly(range(3), about=1)
    first = answer(life, "Baking")
    life.engine.name(life.user, first)
    second = Life.kinds(life)
    life.weekly(range(3, 6), about=2)
    other = [
        change.journey_id
        for out in life.outcomes
        for change in out.changes
        if change.kind == "started"
    ][1]
    taken = JourneyName(user_id="u", journey_id=other, revision=1, name="baking", source="llm")
    assert life.engine.name(life.user, taken).changes == []
    assert len(second) == 2


def test_an_interest_that_drifts_keeps_its_id_and_asks_for_a_new_name() -> None:
    life = Life(EngineParams(half_life_ms=10 * DAY_MS))
    life.weekly(range(3), about=1)
    journey_id = life.outcomes[-2].changes[0].journey_id
    for week in range(3, 30):
        for day in range(2):
            share = min(1.0, (week - 2) / 12)
            vector = topic(1) * (1 - share) + topic(2) * share
            event = Activity(
                f"d{week}.{day}",
                "u",
                f"d{week}.{day}",
                "drifting",
                START + (week * WEEK + day) * DAY_MS,
            )
            life.keep(life.engine.activity(life.user, event, unit(vector)))
    changes = [change for out in life.outcomes for change in out.changes]
    assert {change.journey_id for change in changes} == {journey_id}
    assert "shifted" in life.kinds()
    asked = [request.revision for out in life.outcomes for request in out.requests]
    assert asked == list(range(1, 2 + life.kinds().count("shifted")))


def test_journeys_that_grow_together_merge_into_the_older_one() -> None:
    life = Life(EngineParams(half_life_ms=10 * DAY_MS))
    life.weekly(range(3), about=1)
    life.weekly(range(3, 6), about=2)
    first, second = (
        change.journey_id
        for out in life.outcomes
        for change in out.changes
        if change.kind == "started"
    )
    for week in range(6, 30):
        share = min(0.5, (week - 5) / 20)
        for about, other in ((1, 2), (2, 1)):
            vector = topic(about) * (1 - share) + topic(other) * share
            event = Activity(
                f"m{week}.{about}",
                "u",
                f"m{week}.{about}",
                "growing together",
                START + (week * WEEK + about) * DAY_MS,
            )
            life.keep(life.engine.activity(life.user, event, unit(vector)))
    merged = [change for out in life.outcomes for change in out.changes if change.kind == "merged"]
    assert [(change.journey_id, change.merged_into) for change in merged] == [(second, first)]
    lineage = [pair for out in life.outcomes for pair in out.merged]
    assert lineage == [("c" + second[1:], "c" + first[1:])]
    assert len(life.user.clusters) == 1


def test_traces_in_several_clusters_are_merged_when_together_they_are_a_journey() -> None:
    def live(eager: float, weeks: range) -> Life:
        scale = EngineParams().scale._replace(
            match=10.0, merge=100.0, eager=eager, gain=0.0, shrink=1000.0
        )
        life = Life(EngineParams(scale=scale))
        for trace in range(6):
            vector = topic(1) + 0.9 * topic(2 + trace % 2)
            day = weeks[trace // 2 % len(weeks)] * WEEK + trace % 2
            event = Activity(f"e{trace}", "u", f"i{trace}", "a trace", START + day * DAY_MS)
            life.keep(life.engine.activity(life.user, event, vector / np.linalg.norm(vector)))
        return life

    patient, eager, binge = live(0, range(3)), live(100, range(3)), live(100, range(1))
    assert (patient.kinds(), len(patient.user.clusters)) == ([], 2)
    assert (eager.kinds(), len(eager.user.clusters)) == (["started", "named"], 1)
    assert (binge.kinds(), len(binge.user.clusters)) == ([], 2)


def test_the_number_of_clusters_is_bounded_and_journeys_stay_longest() -> None:
    life = Life(EngineParams(max_clusters=4))
    life.weekly(range(3), about=0)
    for number in range(1, 12):
        life.act(3 * WEEK + number / 10, about=number, wobble=False)
    assert len(life.user.clusters) == 4
    assert "ended" not in life.kinds()
    assert any(cluster.journey for cluster in life.user.clusters)


def test_journeys_are_ranked_by_strength_and_diversity() -> None:
    life = Life()
    for week in range(8):
        life.act(week * WEEK, about=1)
        life.act(week * WEEK + 1, about=2)
        if week % 2:
            life.act(week * WEEK + 2, about=1)
    latest = {one.journey.journey_id: one for out in life.outcomes for one in out.journeys}
    strengths = sorted((one.strength, one.rank) for one in latest.values())
    assert [rank for _, rank in strengths] == [2, 1]
    gone = life.pass_to(200 * WEEK).journeys
    assert [one.rank for one in gone if one.journey.stage == "ended"] == [None, None]
