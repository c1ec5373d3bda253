"""The naming queue: order of acknowledgement, what it does twice, and what it does not."""

import asyncio
from typing import Any

import pytest

from models.errors import ModelError, NamingError, UnavailableError
from models.records import JourneyName
from streams.kafka.sending import Headers
from streams.service.metrics import ANSWERS, NAMER, Metrics
from streams.stages.name import MAX_FAILURES, RETRY_SECONDS, ROOM, WAIT_SECONDS, NamingQueue
from tests.support.naming_queue import FakeEvent, FakeNamer, asking, settle


class Namings:
    """A queue, and all that goes in and comes out."""

    def __init__(self) -> None:
        self.namer = FakeNamer()
        self.metrics = Metrics(NAMER)
        self.answers: list[JourneyName] = []
        self.sent_to: list[int] = []
        self.acked: list[int] = []
        self.crashes: list[BaseException] = []
        self.slept: list[float] = []
        self.refuses: BaseException | None = None
        self.queue = NamingQueue(
            self.namer, self._send, self.crashes.append, self.metrics, self._sleep
        )
        self._offset = 0

    async def take(self, *values: bytes, partition: int = 0) -> None:
        """Hand in records, at offsets from 0 on."""
        for value in values:
            event: Any = FakeEvent(value, self._offset, partition, self.acked)
            self._offset += 1
            await self.queue.take(event)
        await settle()

    def count(self, outcome: str) -> float:
        return self.metrics.value(ANSWERS, outcome)

    async def _send(
        self, partition: int, key: bytes, answer: JourneyName, headers: Headers
    ) -> None:
        if self.refuses is not None:
            raise self.refuses
        assert key == answer.user_id.encode()
        assert not headers
        self.answers.append(answer)
        self.sent_to.append(partition)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def namings() -> Namings:
    return Namings()


async def test_a_slow_request_holds_up_no_answer_but_the_acknowledgements_after_it(
    namings: Namings,
) -> None:
    await namings.take(asking("a"), asking("b"), asking("c"))
    assert namings.namer.asked == ["a", "b", "c"]
    await namings.namer.let("c", "b")
    assert [answer.journey_id for answer in namings.answers] == ["c", "b"]
    assert namings.acked == []
    assert namings.queue.under_way == 3
    assert namings.queue.oldest == 0.0
    await namings.namer.let("a")
    assert namings.queue.oldest is None
    assert namings.acked == [0, 1, 2]
    assert namings.queue.under_way == 0
    assert namings.count("named") == 3


async def test_partitions_do_not_wait_for_one_another(namings: Namings) -> None:
    await namings.take(asking("a"), partition=0)
    await namings.take(asking("b"), partition=1)
    await namings.namer.let("b")
    assert namings.acked == [1]


async def test_a_newer_request_takes_the_place_of_one_that_is_under_way(namings: Namings) -> None:
    await namings.take(asking("a", 1), asking("a", 2))
    assert namings.acked == [0]
    await namings.namer.let("a")
    assert [answer.revision for answer in namings.answers] == [2]
    assert namings.acked == [0, 1]
    assert (namings.count("superseded"), namings.count("named")) == (1, 1)


@pytest.mark.parametrize("revision", [2, 1])
async def test_an_older_request_and_a_repeated_one_are_not_asked(
    namings: Namings, revision: int
) -> None:
    await namings.take(asking("a", 2), asking("a", revision))
    assert namings.namer.asked == ["a"]
    await namings.namer.let("a")
    assert [answer.revision for answer in namings.answers] == [2]
    assert namings.acked == [0, 1]


async def test_what_was_answered_may_be_asked_again(namings: Namings) -> None:
    namings.namer.open = True
    await namings.take(asking("a"))
    await namings.take(asking("a"))
    assert len(namings.answers) == 2
    assert namings.acked == [0, 1]


async def test_what_is_no_request_is_passed_over_in_its_turn(
    namings: Namings, caplog: pytest.LogCaptureFixture
) -> None:
    await namings.take(asking("a"), b"no request", asking("b"))
    await namings.namer.let("b")
    assert namings.acked == []
    await namings.namer.let("a")
    assert namings.acked == [0, 1, 2]
    assert namings.count("bad") == 1
    assert "partition 0 offset 1" in caplog.text


async def test_when_there_is_no_room_it_waits_for_an_acknowledgement(namings: Namings) -> None:
    await namings.take(*(asking(f"j{n}") for n in range(ROOM)))
    assert namings.queue.under_way == ROOM
    waiting = asyncio.create_task(namings.take(asking("one more")))
    await settle()
    await namings.namer.let("j1")  # done, but not acknowledged: it keeps its room
    assert not waiting.done()
    assert "one more" not in namings.namer.asked
    await namings.namer.let("j0")
    await waiting
    assert namings.namer.asked[-1] == "one more"
    assert namings.acked == [0, 1]


async def test_what_is_forgotten_is_neither_answered_nor_acknowledged_and_makes_room(
    namings: Namings,
) -> None:
    await namings.take(*(asking(f"j{n}") for n in range(ROOM)))
    await namings.namer.let("j1")
    namings.queue.forget()
    await namings.namer.let("j0", "j2")
    assert namings.queue.under_way == 0
    assert namings.acked == []
    assert [answer.journey_id for answer in namings.answers] == ["j1"]
    namings.namer.open = True
    await namings.take(*(asking(f"j{n}") for n in range(ROOM)))  # the same come again, all fit
    assert namings.acked == list(range(ROOM, 2 * ROOM))
    assert not namings.crashes


@pytest.mark.parametrize("where", ["naming", "sending"])
async def test_an_error_that_no_request_is_to_blame_for_ends_the_service(
    namings: Namings, where: str
) -> None:
    error = RuntimeError("what nobody thought of")
    if where == "naming":
        namings.namer.errors["a"] = [error]
    else:
        namings.refuses = error
    await namings.take(asking("a"), asking("b"))
    await namings.namer.let("a")
    assert namings.crashes == [error]
    await namings.namer.let("b")
    assert namings.acked == []  # the next namer is asked for both again


async def test_a_server_that_is_away_is_waited_for_however_long_it_takes(namings: Namings) -> None:
    namings.namer.errors["a"] = [UnavailableError("down") for _ in range(7)]
    namings.namer.open = True
    await namings.take(asking("a"))
    assert [answer.name for answer in namings.answers] == ["Name of a"]
    assert len(namings.slept) == 7
    assert all(WAIT_SECONDS[0] <= pause <= WAIT_SECONDS[1] for pause in namings.slept)
    assert namings.acked == [0]


async def test_a_failure_that_may_pass_is_tried_again_after_longer_and_longer_pauses(
    namings: Namings,
) -> None:
    namings.namer.errors["a"] = [NamingError("timeout", retriable=True) for _ in range(3)]
    namings.namer.open = True
    await namings.take(asking("a"))
    assert [answer.name for answer in namings.answers] == ["Name of a"]
    longest = [RETRY_SECONDS[0] * 2**n for n in range(3)]
    assert all(
        most / 2 <= pause <= most for pause, most in zip(namings.slept, longest, strict=True)
    )


@pytest.mark.parametrize(
    ("errors", "tries"),
    [
        ([NamingError("no name\nin it", retriable=True)] * MAX_FAILURES, MAX_FAILURES),
        ([NamingError("no name\nin it", retriable=False)], 1),
        ([ModelError("no name in it")], 1),
    ],
)
async def test_a_request_that_gets_no_name_is_answered_with_the_reason(
    namings: Namings, errors: list[BaseException], tries: int
) -> None:
    namings.namer.errors["a"] = list(errors)
    await namings.take(asking("a"))
    assert len(namings.namer.asked) == tries
    (answer,) = namings.answers
    assert (answer.name, answer.reason) == (None, "no name in it")
    assert namings.acked == [0]
    assert namings.count("unnamed") == 1
    assert not namings.crashes


async def test_an_answer_goes_to_the_partition_that_its_request_came_from(namings: Namings) -> None:
    namings.namer.open = True
    await namings.take(asking("a"), partition=2)
    await namings.take(asking("a"), asking("b"), partition=0)  # a user who lies on two partitions
    assert [
        (answer.journey_id, to) for answer, to in zip(namings.answers, namings.sent_to, strict=True)
    ] == [("a", 2), ("a", 0), ("b", 0)]
    assert namings.count("superseded") == 0
