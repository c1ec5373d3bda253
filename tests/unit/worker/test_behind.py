"""A user whose activities come behind the others': a history that is imported, a late device."""

from collections.abc import Sequence
from typing import Any

import pytest

from models.encoders.cache import VectorCache
from models.engine.params import DAY_MS
from models.records import encode
from streams.replay import Replay
from streams.settings import Settings
from tests.support.fakes import FakeTime, incoming, message
from tests.support.heart import TOPICS, Heart, StubEncoder, activity
from tests.support.lives import START

HOUR = 3_600_000
TODAY = START + 900 * DAY_MS
NEIGHBOUR = activity(9_000, "neighbour", 900, 2)
# Two years of one interest, a silence of ten weeks in them.
HISTORY = [
    activity(number, "u", 6 * number + (70 if number > 60 else 0), 1) for number in range(120)
]


def arriving(activities: Sequence[dict[str, Any]], first: int, at: int, step: int = 0) -> Any:
    """A batch of activities that arrive at a time (epoch ms), one after the other."""
    records = [
        incoming(first + place, encode(one), one["user_id"].encode(), at + place * step)
        for place, one in enumerate(activities)
    ]
    return message(TOPICS.activities, records, after=first - 1)


async def lived(chunk: int, *, neighbour: bool, step: int = 1_000, seconds: float = 1.0) -> Heart:
    """Who has a history that comes today in chunks, between which the clock ticks."""
    heart = await Heart().start()
    heart.time.seconds = TODAY / 1000
    offset, now = 0, TODAY
    if neighbour:
        assert await heart.deliver(arriving([NEIGHBOUR], 0, now))
        offset = 1
    for start in range(0, len(HISTORY), chunk):
        part = HISTORY[start : start + chunk]
        assert await heart.deliver(arriving(part, offset, now, step))
        offset, now = offset + len(part), now + len(part) * step
        heart.time.seconds += seconds
        await heart.tick()
    return heart


def of_user(heart: Heart) -> dict[bytes, bytes | None]:
    """The user's changes by id."""
    changes = heart.published(TOPICS.changes)
    return {name: value for name, value in changes.items() if b'"subject":"u"' in (value or b"")}


@pytest.mark.parametrize("chunk", [1, 7, 120])
async def test_a_history_comes_to_the_same_behind_a_neighbour_as_alone(chunk: int) -> None:
    alone = of_user(await lived(120, neighbour=False))
    behind = of_user(await lived(chunk, neighbour=True))
    assert sum(b":started:" in name for name in alone) == 1
    assert sum(b":resumed:" in name for name in alone) == 1
    assert behind == alone


async def test_once_nothing_has_come_of_them_for_a_while_their_silence_counts() -> None:
    heart = await lived(40, neighbour=True)
    before = of_user(heart)
    later = activity(9_001, "neighbour", 900.02, 2)
    assert await heart.deliver(arriving([later], 121, TODAY + 120_000 + HOUR))
    await heart.tick()
    after = of_user(heart).keys() - before.keys()
    assert [name.split(b":")[1] for name in after] == [b"dormant"]
    assert max(one["occurred_at"] for one in HISTORY) < TODAY - 7 * DAY_MS


async def test_in_a_silent_partition_the_wall_clock_ends_their_wait() -> None:
    heart = await lived(40, neighbour=True)
    before = of_user(heart)
    heart.at(position=121, end=121)
    heart.time.seconds += 3_600 + 120
    await heart.tick()
    assert of_user(heart).keys() > before.keys()


@pytest.mark.parametrize("pause", [HOUR // 2, 2 * HOUR])
async def test_when_somebody_has_looked_makes_no_difference(pause: int) -> None:
    """Half of the history, a pause in which a neighbour goes on, the other half."""
    later = activity(9_001, "neighbour", 900.02, 2)
    wholes = []
    for ticks in (False, True):
        heart = await Heart().start()
        heart.time.seconds = TODAY / 1000
        offset = 0
        for part, at in (
            ([NEIGHBOUR], TODAY),
            (HISTORY[:50], TODAY + 1_000),
            ([later], TODAY + 2_000 + pause),
            (HISTORY[50:], TODAY + 3_000 + pause),
        ):
            assert await heart.deliver(arriving(part, offset, at))
            offset += len(part)
            if ticks:
                await heart.tick(2)
                heart = await heart.restarted()
                heart.time = heart.clock._now = FakeTime(at / 1000)
        wholes.append(of_user(heart))
    assert wholes[0] == wholes[1]


def test_a_file_of_one_user_after_the_other_is_replayed_as_if_each_were_alone() -> None:
    cache = VectorCache(StubEncoder(), 1_000)  # type: ignore[arg-type]

    def replayed(*lives: Sequence[dict[str, Any]]) -> list[str]:
        replay = Replay(Settings.load().engine(StubEncoder()), cache)
        lines = [encode(one) for life in lives for one in life]
        outcomes = [out for step in replay.run([lines]) for out in step.outcomes]
        outcomes += replay.settle()
        return [c.id for out in outcomes for c in out.changes if c.user_id == "u"]

    apart = replayed([NEIGHBOUR], HISTORY)
    assert [name for name in apart if ":started:" in name] == [
        name for name in replayed(HISTORY) if ":started:" in name
    ]
    assert apart[:-1] == replayed(HISTORY)
    assert ":dormant:" in apart[-1], "the log is done, and the neighbour has come so far"
