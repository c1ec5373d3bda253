"""Activities, names and time come to their users in order, each activity once."""

import asyncio
from typing import Any

import pytest

from models.engine.engine import Engine
from models.engine.params import DAY_MS
from models.errors import Reason, Rejected
from models.records import Activity, JourneyName
from streams.stages import assign
from streams.stages.batch import Arrival, Effects
from streams.state.binding import UNRECORDED
from streams.state.partition import Partition
from streams.state.store import MemoryParts
from tests.support.fakes import incoming
from tests.support.lives import START, topic

NUMBER = 3


@pytest.fixture
def partition() -> Partition:
    return Partition(NUMBER, MemoryParts(), Engine(), NUMBER + 1, UNRECORDED)


def arrival(offset: int, user: str = "u", day: float = 1, about: int = 1) -> Arrival:
    event = Activity(f"e{offset}", user, f"i{offset}", f"title {about}", START + int(day * DAY_MS))
    return Arrival(incoming(offset, b""), event)


async def apply(partition: Partition, *arrivals: Arrival, vectors: Any = None) -> Effects:
    effects = Effects()
    given = vectors or [topic(int(one.activity.title.split()[-1])) for one in arrivals]
    await assign.activities(partition, Engine(), "t", arrivals, given, effects)
    return effects


async def test_an_activity_is_applied_once(partition: Partition) -> None:
    arrivals = [arrival(0), arrival(1, "v", day=3), arrival(2, day=2)]
    effects = await apply(partition, *arrivals)
    assert set(effects.users) == {"u", "v"}
    assert effects.users["u"].applied == {NUMBER: 2}
    assert effects.watermark == arrivals[1].activity.occurred_at
    again = await apply(partition, *arrivals, arrival(3, day=2.5))
    assert again.redelivered == 3
    assert [cluster.count for cluster in again.users["u"].clusters] == [3]
    assert set(again.users) == {"u"}, "who has nothing new is not written"
    assert again.watermark == effects.watermark, "but time has come as far as before"


async def test_what_the_engine_refuses_leaves_the_user_and_time_as_they_were(
    partition: Partition,
) -> None:
    await apply(partition, arrival(0, day=700))
    late, odd, bad = arrival(1, day=1), arrival(2, day=800), arrival(3, day=900)
    refused = Rejected(Reason.BAD_VECTOR, "zero")
    effects = await apply(partition, late, odd, bad, vectors=[topic(1), topic(1)[:5], refused])
    assert [(r.record.offset, r.error.reason) for r in effects.rejects] == [
        (1, "too_late"),
        (2, "bad_vector"),
        (3, "bad_vector"),
    ]
    assert {(reject.topic, reject.partition) for reject in effects.rejects} == {("t", NUMBER)}
    assert effects.users == {}
    assert effects.watermark == -1


async def test_a_reject_between_applied_ones_looks_applied_and_does_not_move_time(
    partition: Partition,
) -> None:
    arrivals = [arrival(0), arrival(1, day=800), arrival(2)]
    vectors = [topic(1), topic(1)[:5], topic(1)]
    first = await apply(partition, *arrivals, vectors=vectors)
    again = await apply(partition, *arrivals, vectors=vectors)
    assert again.redelivered == 3
    assert again.watermark == first.watermark == arrivals[0].activity.occurred_at


async def test_a_long_batch_lets_others_work_in_between(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assign, "STRETCH_SECONDS", -1.0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await apply(partition, *(arrival(n) for n in range(10 * assign.LOOK_EVERY)))
    before = turns
    assert before >= 9
    # One that was applied before is no excuse.
    await apply(partition, *(arrival(n) for n in range(10 * assign.LOOK_EVERY)))
    assert turns >= before + 9
    task.cancel()


async def test_names_and_time_bring_changes_of_users_whom_the_batch_already_has(
    partition: Partition,
) -> None:
    weeks = [arrival(2 * week + act, day=week * 7 + act) for week in range(3) for act in (0, 1)]
    effects = await apply(partition, *weeks)
    [request] = effects.requests
    answer = JourneyName(
        user_id="u", journey_id=request.journey_id, revision=1, name="Bread", source="llm"
    )
    assign.names(partition, Engine(), [answer, answer], effects)
    assert [change.kind for change in effects.changes] == ["started", "named", "named"]
    [current] = effects.journeys.values()
    assert current.name == "Bread", "the latest of a journey is published, no other"
    assign.time(partition, Engine(), ["u"], START + 100 * DAY_MS, effects)
    assert effects.changes[-1].kind == "dormant"


async def test_a_name_that_went_to_another_journey_is_asked_for_again(partition: Partition) -> None:
    offsets = enumerate((week, about) for week in range(3) for about in (1, 2, 1, 2))
    acts = [arrival(at, day=week * 7, about=about) for at, (week, about) in offsets]
    requests = (await apply(partition, *acts)).requests
    assert len(requests) == 2
    answers = [each.answered("Bread") for each in requests]
    effects = Effects()
    assign.names(partition, Engine(), answers[:1], effects)
    effects = Effects()
    assign.names(partition, Engine(), answers[1:], effects)
    [again] = effects.requests
    assert (again.journey_id, again.attempt) == (requests[1].journey_id, 2)
    assert "Bread" in again.taken


async def test_names_that_change_nothing_leave_no_trace(partition: Partition) -> None:
    effects = Effects()
    unknown = JourneyName(user_id="x", journey_id="j", revision=1, name="N", source="llm")
    assign.names(partition, Engine(), [unknown], effects)
    assert effects.users == {}


async def test_a_repeated_event_id_is_skipped_and_counted(partition: Partition) -> None:
    again = Arrival(incoming(1, b""), arrival(0).activity)
    effects = await apply(partition, arrival(0), again, arrival(2))
    assert effects.repeats == 1
    assert (effects.rejects, effects.redelivered) == ([], 0)
    assert effects.users["u"].applied == {NUMBER: 2}
    assert [cluster.count for cluster in effects.users["u"].clusters] == [2]
