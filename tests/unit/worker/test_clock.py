"""Time passes for who does not come back: by the watermark, and in silence by the wall clock."""

from typing import Any

import pytest
from aiokafka.errors import NotLeaderForPartitionError, ProducerFenced
from faust.types import TP

from models.errors import AheadError, StateTooLargeError
from streams.service import metrics
from streams.state import partition as state
from streams.state.partition import Time
from streams.worker import clock
from streams.worker.clock import FAILURES, TICK_SECONDS
from tests.support.fakes import FakeProducers, Fault
from tests.support.heart import TOPICS, Heart, activity, batch, lives
from tests.support.lives import START

LIVES = lives()
TP0 = TP(TOPICS.activities, 0)


async def alive() -> Heart:
    """A worker that has handled some users' journeys, with nothing left to read."""
    heart = await Heart().start()
    assert await heart.deliver(batch(LIVES))
    heart.time.seconds = heart.partition().mark.stamp / 1000
    heart.at(position=len(LIVES), end=len(LIVES))
    return heart


def kinds(heart: Heart) -> list[str]:
    return [key.decode().split(":")[1] for key in heart.published(TOPICS.changes)]


async def test_the_watermark_brings_silent_users_journeys_to_sleep() -> None:
    heart = await alive()
    neighbours = batch([activity(500, "other", 35 + 4 * 7 + 7, 5)], len(LIVES))
    assert await heart.deliver(neighbours)
    heart.at(position=len(LIVES) + 1, end=len(LIVES) + 1)
    await heart.tick()
    assert kinds(heart).count("dormant") == 3
    assert heart.metrics.value(metrics.DUE) == 3
    sent = len(heart.producers.sent)
    await heart.tick(3)
    assert len(heart.producers.sent) == sent, "nothing is due again"


async def test_as_long_as_records_come_the_wall_clock_says_nothing() -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    heart.at(position=len(LIVES), end=len(LIVES) + 1)
    await heart.tick()
    assert kinds(heart).count("dormant") == 0
    assert heart.metrics.value(metrics.LAG, "0") == 1


async def test_what_waits_is_as_old_as_its_oldest_record() -> None:
    heart = await alive()
    heart.at(position=len(LIVES), end=len(LIVES) + 1)
    heart.worker.oldest[0] = int(heart.time.seconds * 1000)
    waited = 2 * TICK_SECONDS  # until the second look
    await heart.tick()
    assert heart.metrics.value(metrics.LAG_SECONDS, "0") == waited
    del heart.worker.oldest[0]
    await heart.tick()
    assert heart.metrics.value(metrics.LAG_SECONDS, "0") == waited, "as a moment ago"
    assert await heart.deliver(batch([activity(500, "u", 36, 1)], len(LIVES)))
    heart.at(position=len(LIVES) + 1, end=len(LIVES) + 1)
    await heart.tick()
    assert heart.metrics.value(metrics.LAG_SECONDS, "0") == 0


async def test_of_a_lag_that_is_not_known_nothing_is_shown() -> None:
    heart = await alive()
    await heart.tick()
    assert b"journeys_lag_records{" in heart.metrics.text()
    heart.group.rebalancing = True
    await heart.tick()
    assert b"journeys_lag_records{" not in heart.metrics.text()


async def test_in_silence_the_wall_clock_moves_time_on_since_the_last_record() -> None:
    heart = await alive()
    due = heart.partition().user(heart.partition().due(Time(2**62, 0), 1)[0]).due
    assert due is not None
    silence = (due - heart.partition().mark.watermark) / 1000
    heart.time.seconds += silence - 2 * TICK_SECONDS
    await heart.tick()
    assert kinds(heart).count("dormant") == 0
    await heart.tick(2)
    assert kinds(heart).count("dormant") == 3
    assert heart.partition().mark.watermark == LIVES[-1]["occurred_at"], "it is not event time"


async def test_silence_shorter_than_the_setting_does_not_count() -> None:
    heart = await alive()
    year = 3_600 * 24 * 365.0
    heart.clock._idle_ms = 2_000 * year
    heart.time.seconds += year
    await heart.tick()
    assert kinds(heart).count("dormant") == 0
    heart.time.seconds += year
    await heart.tick()
    assert kinds(heart).count("dormant") == 3


async def test_a_partition_that_never_had_an_activity_has_no_time() -> None:
    heart = await Heart().start()
    heart.at(position=0, end=0)
    heart.group.consumer.ends[TP0] = (0, 1)
    heart.time.seconds += 3_600
    await heart.tick()
    assert heart.producers.sent == []


async def test_due_users_are_handled_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "DUE_USERS", 2)
    heart = await alive()
    portions: list[int] = []
    commit = heart.worker.committer.commit

    async def counted(partition: Any, effects: Any, generation: int, mark: Any) -> bool:
        portions.append(len(effects.users))
        assert partition.lock.locked()
        return await commit(partition, effects, generation, mark)

    heart.worker.committer.commit = counted  # type: ignore[method-assign]
    heart.time.seconds += 3_600 * 24 * 365
    await heart.tick()
    assert portions[:2] == [2, 1]
    assert set(portions) <= {1, 2}
    assert kinds(heart).count("dormant") == 3


async def test_a_portion_that_fails_is_forgotten_and_comes_again() -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    before = heart.stored()
    heart.producers.faults.append(Fault(len(heart.producers.sent), NotLeaderForPartitionError()))
    await heart.tick()
    assert heart.stored() == before
    assert heart.partition()._users == {}
    await heart.tick()
    assert kinds(heart).count("dormant") == 3
    assert heart.group.crashed == []


async def test_time_that_fails_again_and_again_ends_the_worker() -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    first = len(heart.producers.sent)
    heart.producers.faults += [
        Fault(n, NotLeaderForPartitionError()) for n in range(first, first + 99)
    ]
    await heart.tick(FAILURES - 1)
    assert heart.group.crashed == []
    await heart.tick(FAILURES)
    [error] = heart.group.crashed
    assert isinstance(error, NotLeaderForPartitionError)


async def test_what_does_not_pass_ends_the_worker_at_the_first_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    monkeypatch.setattr(state, "BATCH_BYTES", 100)
    await heart.tick(9)
    [error] = heart.group.crashed
    assert isinstance(error, StateTooLargeError)


async def test_another_owner_is_waited_for() -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    first = len(heart.producers.sent)
    heart.producers.faults += [Fault(n, ProducerFenced()) for n in range(first, first + 99)]
    await heart.tick(2 * FAILURES)
    assert heart.group.crashed == []


async def test_an_error_while_the_worker_stops_is_no_ones_business() -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365

    def stops() -> None:
        heart.group.should_stop = True

    heart.producers.faults.append(
        Fault(len(heart.producers.sent), NotLeaderForPartitionError(), then=stops)
    )
    await heart.tick()
    assert heart.group.crashed == []


@pytest.mark.parametrize("checks", [0, 1, 2])
async def test_a_lost_partitions_time_is_left_to_its_owner(checks: int) -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    before, asked = heart.stored(), 0

    async def may_write(generation: int, *, finish: bool = False) -> bool:
        nonlocal asked
        asked += 1
        return asked <= checks

    heart.worker.ownership.may_write = may_write  # type: ignore[method-assign]
    await heart.tick()
    assert asked == checks + 1
    assert heart.stored() == before
    assert checks == 0 or heart.partition()._users == {}
    other = await heart.restarted()
    other.time.seconds = heart.time.seconds
    other.at(position=len(LIVES), end=len(LIVES))
    await other.tick()
    assert kinds(other).count("dormant") == 3, "told once, however often it was sent"


async def test_no_time_passes_in_a_rebalance() -> None:
    heart = await alive()
    heart.time.seconds += 3_600 * 24 * 365
    heart.group.rebalancing = True
    sent = len(heart.producers.sent)
    await heart.tick()
    assert len(heart.producers.sent) == sent


async def test_the_lag_is_what_is_not_handled_yet() -> None:
    heart = await alive()
    assert heart.clock.lag(7) == -1, "not its partition"
    heart.group.rebalancing = True
    assert heart.clock.lag(0) == -1
    heart.group.rebalancing = False
    heart.group.consumer.ends.clear()
    assert heart.clock.lag(0) == -1, "the end is not known"
    heart.at(position=len(LIVES) + 3, end=len(LIVES) + 10)
    assert heart.clock.lag(0) == 10
    # The last offsets are a transaction's marker: nothing more will be delivered.
    heart.at(position=len(LIVES), end=len(LIVES))
    heart.group.consumer.ends[TP0] = (len(LIVES) + 2, len(LIVES) + 2)
    assert heart.clock.lag(0) == 0
    heart.group.consumer.delivered[TP0] = len(LIVES)
    assert heart.clock.lag(0) == 2, "it was a record, and is not handled yet"


async def test_state_that_goes_further_than_the_log_ends_the_worker() -> None:
    heart = await alive()
    heart.at(position=1, end=1)
    with pytest.raises(AheadError, match="use another group"):
        heart.clock.lag(0)
    await heart.tick()
    [error] = heart.group.crashed
    assert isinstance(error, AheadError)


async def test_each_partition_has_its_own_time() -> None:
    heart = await Heart(FakeProducers(partitions=2)).start()
    assert await heart.deliver(batch(LIVES), batch(LIVES[:6], partition=1))
    heart.time.seconds = START / 1000
    await heart.tick()
    assert heart.partition(0).mark.watermark == LIVES[-1]["occurred_at"]
    assert heart.partition(1).mark.watermark == LIVES[5]["occurred_at"]
