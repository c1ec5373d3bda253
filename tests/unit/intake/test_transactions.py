"""What is written together, and what becomes of it when something fails."""

from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaError,
    NotLeaderForPartitionError,
    ProducerFenced,
    RequestTimedOutError,
    UnknownError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from models.errors import JourneysError, may_pass
from streams.intake.transactions import Transactions
from streams.kafka.sending import OutgoingRecord

TP = TopicPartition("theirs", 3)
RECORDS = [OutgoingRecord("activity-events", b"u", b"v")]


class FakeProducer:
    """Notes what is asked of it; `fails` says where it fails."""

    def __init__(self, case: "Case", name: str | None) -> None:
        self.case, self.name = case, name

    async def start(self) -> None:
        self.case.note(f"start {self.name}")
        if self.name is not None and not self.case.transactional:
            raise UnknownError

    async def stop(self) -> None:
        self.case.note("stop")

    async def begin_transaction(self) -> None:
        self.case.note("begin")

    async def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        self.case.note(f"offset {offsets[TP]} of {group}")

    async def commit_transaction(self) -> None:
        self.case.note("commit")

    async def abort_transaction(self) -> None:
        self.case.note("abort")

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1}

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(10_000, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> Any:
        self.case.note(f"send {topic}")

        async def acknowledged() -> Any:
            return type("Sent", (), {"offset": 0})

        return acknowledged()


class Case:
    def __init__(self, *, transactional: bool = True) -> None:
        self.transactional = transactional
        self.noted: list[str] = []
        self.fails: dict[str, Exception] = {}
        make: Callable[..., Any] = lambda name: FakeProducer(self, name)  # noqa: E731
        consumer: Any = self
        self.transactions = Transactions(make, consumer, "g-intake", "activity-rejects")

    def note(self, what: str) -> None:
        self.noted.append(what)
        if error := self.fails.get(what):
            raise error

    async def commit(self, offsets: Any) -> None:
        """The consumer's."""
        self.note(f"commit offset {offsets[TP]}")

    async def write(self) -> list[str]:
        await self.transactions.take([TP])
        self.noted.clear()
        await self.transactions.write(TP, RECORDS, [], 12)
        return self.noted


async def test_records_and_offset_are_one_transaction() -> None:
    case = Case()
    assert await case.write() == [
        "begin",
        "send activity-events",
        "offset 12 of g-intake",
        "commit",
    ]


async def test_a_partition_is_taken_under_the_id_that_its_earlier_owner_had() -> None:
    case = Case()
    await case.transactions.take([TP])
    assert case.noted[-1] == "start g-intake-theirs-3"
    await case.transactions.take([])
    assert case.noted[-1] == "stop"


@pytest.mark.parametrize("at", ["send activity-events", "offset 12 of g-intake"])
async def test_what_fails_before_its_end_is_taken_back_and_may_be_tried_again(at: str) -> None:
    case = Case()
    case.fails[at] = NotLeaderForPartitionError()
    with pytest.raises(KafkaError) as error:
        await case.write()
    assert case.noted[-1] == "abort"
    assert may_pass(error.value)


async def test_whoever_has_lost_the_partition_takes_nothing_back() -> None:
    case = Case()
    case.fails["send activity-events"] = ProducerFenced()
    with pytest.raises(ProducerFenced):
        await case.write()
    assert case.noted[-1] == "send activity-events"


async def test_a_commit_of_which_nothing_is_heard_is_not_tried_again() -> None:
    case = Case()
    case.fails["commit"] = RequestTimedOutError()
    with pytest.raises(JourneysError, match="not known") as error:
        await case.write()
    assert not may_pass(error.value)


async def test_without_transactions_the_offset_comes_last() -> None:
    case = Case(transactional=False)
    assert await case.write() == ["send activity-events", "commit offset 12"]
    assert case.transactions.known is False
