"""Deliveries: order, retries, what is acknowledged when, and what ends the service."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from models.errors import GoneError, Reason, Rejected
from streams.service.metrics import CHANGES_SENT, TRIES, WEBHOOK, Metrics
from streams.settings import Settings
from streams.webhook.choose import Delivery
from streams.webhook.deliveries import LONGEST_SILENCE, RETRY_SECONDS, Deliveries
from streams.webhook.receiver import Outcome, Result

AGAIN = Outcome(Result.AGAIN, "HTTP 500")


class Fakes:
    """Deliveries, and all that goes in and comes out; time passes by sleeping only.

    A record's value is `user:change`; nothing for one that is not wanted, `?` for no change.
    """

    address = "https://receiver"

    def __init__(self, concurrency: int = 8, patience: float = 100.0) -> None:
        self.now = 0.0
        self.metrics = Metrics(WEBHOOK)
        self.answers: dict[str, list[Outcome]] = defaultdict(list)
        self.held: dict[str, asyncio.Event] = {}
        self.posted: list[str] = []
        self.given_up: list[tuple[int, str, str]] = []
        self.acked: list[int] = []
        self.crashes: list[BaseException] = []
        self.slept: list[float] = []
        self.busy, self.busiest = 0, 0
        settings = Settings.load(webhook_concurrency=concurrency, webhook_retry_seconds=patience)
        fake: Any = self
        self.deliveries = Deliveries(
            settings,
            fake,
            fake,
            self._give_up,
            self.crashes.append,
            self.metrics,
            self._sleep,
            lambda: self.now,
        )

    async def take(self, *values: str, partition: int = 0, start: int = 0) -> None:
        for offset, value in enumerate(values, start):
            message = SimpleNamespace(
                tp=TP("journey-changes", partition),
                partition=partition,
                offset=offset,
                timestamp=float(offset),
                value=value,
            )
            event: Any = SimpleNamespace(
                message=message, ack=lambda offset=offset: self.acked.append(offset)
            )
            await self.deliveries.take(event)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(100):
            await asyncio.sleep(0)

    def count(self, outcome: str) -> float:
        return self.metrics.value(CHANGES_SENT, outcome)

    def delivery(self, message: Any) -> Delivery | None:  # the chooser's
        if message.value == "?":
            raise Rejected(Reason.NOT_JSON, "no change")
        return Delivery(message.value.split(":")[0], message.value, b"") if message.value else None

    def begin(self) -> None:
        """The chooser's."""

    async def post(self, event_id: str, body: bytes) -> Outcome:  # the receiver's
        self.posted.append(event_id)
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(0)
            if event_id in self.held:
                await self.held[event_id].wait()
        finally:
            self.busy -= 1
        answers = self.answers[event_id]
        return answers.pop(0) if answers else Outcome(Result.DELIVERED)

    async def _give_up(self, message: Any, reason: str, detail: str) -> None:
        self.given_up.append((message.offset, reason, detail))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


async def test_a_users_changes_go_in_order_and_hold_up_nobody_else(fakes: Fakes) -> None:
    fakes.held["a:1"] = asyncio.Event()
    await fakes.take("a:1", "a:2", "b:1", "b:2")
    assert fakes.posted == ["a:1", "b:1", "b:2"]
    assert fakes.acked == [], "a commit would cover the one that is not done"
    assert (fakes.deliveries.under_way, fakes.deliveries.oldest) == (2, 0.0)
    fakes.held["a:1"].set()
    await fakes.settle()
    assert fakes.posted[3:] == ["a:2"]
    assert fakes.acked == [0, 1, 2, 3]
    assert (fakes.deliveries.under_way, fakes.deliveries.oldest) == (0, None)
    assert fakes.count("delivered") == 4


async def test_no_more_requests_at_once_than_asked_for() -> None:
    fakes = Fakes(concurrency=3)
    changes = [f"u{number}:1" for number in range(40)]
    fakes.held = {one: asyncio.Event() for one in changes}
    await fakes.take(*changes)
    assert fakes.posted == changes[:3]
    for one in changes:
        fakes.held[one].set()
        await fakes.settle()
    assert fakes.busiest == 3
    assert fakes.acked == list(range(40))


async def test_what_fails_is_tried_again_ever_less_often(fakes: Fakes) -> None:
    fakes.answers["a:1"] = [AGAIN] * 5
    await fakes.take("a:1", "a:2")
    assert fakes.posted == ["a:1"] * 6 + ["a:2"]
    for number, pause in enumerate(fakes.slept):
        assert RETRY_SECONDS[0] * 2**number / 2 <= pause <= RETRY_SECONDS[0] * 2**number
    assert fakes.metrics.value(TRIES, "again") == 5
    assert not fakes.given_up


async def test_at_last_it_is_given_up_with_the_reason_and_the_next_goes(fakes: Fakes) -> None:
    fakes.answers["a:1"] = [AGAIN] * 1_000
    fakes.answers["a:2"] = [Outcome(Result.REFUSED, "HTTP 413")]
    await fakes.take("a:1", "a:2", "a:3")
    assert fakes.given_up == [(0, "again", "HTTP 500"), (1, "refused", "HTTP 413")]
    assert fakes.now == pytest.approx(100.0)
    assert fakes.posted.count("a:2") == 1, "the same again would be refused again"
    assert fakes.acked == [0, 1, 2]
    assert (fakes.count("undelivered"), fakes.count("delivered")) == (2, 1)


async def test_a_receiver_that_wants_to_be_left_alone_is_by_all(fakes: Fakes) -> None:
    fakes.answers["a:1"] = [Outcome(Result.AGAIN, "HTTP 429", pause=50.0)]
    await fakes.take("a:1")
    await fakes.take("b:1", start=1)
    assert fakes.now >= 50.0
    assert fakes.posted == ["a:1", "a:1", "b:1"]


async def test_nobody_is_left_alone_for_ever() -> None:
    fakes = Fakes(patience=10 * LONGEST_SILENCE)
    fakes.answers["a:1"] = [Outcome(Result.AGAIN, "HTTP 429", pause=1e12)]
    await fakes.take("a:1")
    assert fakes.now <= LONGEST_SILENCE + RETRY_SECONDS[0]
    assert fakes.acked == [0]


async def test_a_receiver_that_is_gone_ends_it_and_nothing_is_acknowledged(fakes: Fakes) -> None:
    fakes.answers["a:1"] = [Outcome(Result.GONE, "HTTP 410")]
    await fakes.take("a:1", "a:2")
    await fakes.take("b:1")
    assert isinstance(fakes.crashes[0], GoneError)
    assert "https://receiver wants no more (HTTP 410)" in str(fakes.crashes[0])
    assert fakes.posted == ["a:1"]
    assert (fakes.acked, fakes.given_up) == ([], [])


async def test_what_is_not_wanted_and_what_is_no_change_are_passed_by(fakes: Fakes) -> None:
    await fakes.take("", "?", "a:1")
    assert fakes.posted == ["a:1"]
    assert fakes.acked == [0, 1, 2]
    assert (fakes.count("left_out"), fakes.count("unreadable")) == (1, 1)


async def test_when_partitions_go_what_is_under_way_is_dropped_unacknowledged(fakes: Fakes) -> None:
    fakes.held["a:1"] = asyncio.Event()
    await fakes.take("a:1", "a:2", "b:1")
    fakes.deliveries.forget()
    fakes.held.clear()
    await fakes.settle()
    assert fakes.posted == ["a:1", "b:1"]
    assert fakes.acked == []
    await fakes.take("a:1", "a:2", "b:1")
    assert sorted(fakes.posted[2:]) == ["a:1", "a:2", "b:1"]
    assert fakes.acked == [0, 1, 2]


async def test_all_the_room_comes_back(fakes: Fakes) -> None:
    for _ in range(3):
        await fakes.take(*(f"u{number % 7}:{number}" for number in range(500)))
        fakes.held["u:x"] = asyncio.Event()
        await fakes.take(*["u:x"] * 200)
        fakes.deliveries.forget()
    await asyncio.wait_for(fakes.take("v:1"), 5)
    assert fakes.posted[-1] == "v:1"
