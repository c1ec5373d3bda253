"""The loop over the partitions: whose turn it is, and what a rebalance may wait for."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from models.mapping.catalogue import CatalogueItem
from models.records import encode
from streams.formats.values import JsonValues
from streams.intake.events import Events
from streams.intake.partitions import Partitions
from streams.kafka.sending import OutgoingRecord
from streams.service.metrics import INTAKE, Metrics
from streams.service.tracing import NO_TRACING, Tracing
from streams.settings import Settings
from streams.stages.batch import Reject
from tests.support.fakes import incoming
from tests.support.traces import Traces, parent

BUSY, QUIET = TopicPartition("theirs", 0), TopicPartition("theirs", 1)
ROOM = TopicPartition("items-waiting", 0)


class Case:
    """Partitions, and in place of broker and client whoever stands behind them."""

    def __init__(self, tracing: Tracing = NO_TRACING) -> None:
        self.sent: list[OutgoingRecord] = []
        self.items: dict[str, CatalogueItem] = {}
        self.logs: dict[TopicPartition, list[Any]] = {BUSY: [], QUIET: [], ROOM: []}
        self.positions: dict[TopicPartition, int] = {}
        self.written: list[str] = []
        self.rejected: list[str] = []
        self.let_in = asyncio.Event()
        self.let_in.set()
        self.crashed: list[BaseException] = []
        consumer: Any = self
        transactions: Any = self
        self.partitions = Partitions(
            consumer,
            transactions,
            Events(None, JsonValues(), 0, self.items.get),
            ["theirs"],
            Settings.load(catalogue=True, item_wait_seconds=0.05),
            Metrics(INTAKE),
            self.crash,
            tracing=tracing,
        )
        state = SimpleNamespace(has_valid_position=False)
        assignment = SimpleNamespace(state_value=lambda tp: state)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))

    async def crash(self, error: BaseException) -> None:
        self.crashed.append(error)

    # What a consumer is asked.
    def subscribe(self, topics: list[str], listener: Any) -> None:
        assert topics == ["theirs", "items-waiting"]

    async def getmany(
        self, *asked: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Any]]:
        found = {tp: self.logs[tp][self.positions[tp] :] for tp in asked}
        for tp, records in found.items():
            self.positions[tp] += len(records)
        found = {tp: records for tp, records in found.items() if records}
        await asyncio.sleep(0 if found else 0.001)
        return found

    async def committed(self, tp: TopicPartition) -> int | None:
        return None

    async def seek_to_beginning(self, tp: TopicPartition) -> None:
        self.positions[tp] = 0

    def last_stable_offset(self, tp: TopicPartition) -> None: ...

    # What is written by transactions.
    async def take(self, partitions: set[TopicPartition]) -> None:
        await self.let_in.wait()

    async def partitions_of(self, owned: TopicPartition, topic: str) -> int:
        return 1

    async def write(
        self,
        owned: TopicPartition,
        records: Sequence[OutgoingRecord],
        rejects: Sequence[Reject],
        after: int,
    ) -> None:
        for one in records:
            if one.topic == ROOM.topic:
                back = incoming(len(self.logs[ROOM]), one.value, one.key)
                back.headers = one.headers
                self.logs[ROOM].append(back)
            else:
                self.sent.append(one)
                self.written.append(dict(one.headers)["source"].decode())
        self.rejected += [f"{one.topic}/{one.partition}/{one.record.offset}" for one in rejects]

    def send(self, tp: TopicPartition, item: str, *headers: tuple[str, bytes]) -> None:
        event = {"event_id": "e", "user_id": "u", "item_id": item, "occurred_at": 1_700_000_000_000}
        record = incoming(len(self.logs[tp]), encode(event), key=None)
        record.headers = headers
        self.logs[tp].append(record)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """The loop runs, and the group has said what is ours."""
        loop = asyncio.create_task(self.partitions.run())
        await self.partitions.on_partitions_assigned(self.logs)
        try:
            yield
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            await self.partitions.stop()
            assert self.crashed == []


async def until(holds: Any) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


async def test_who_waits_has_a_turn_though_other_partitions_are_quiet() -> None:
    case = Case()
    async with case.reading():
        case.items["known"] = CatalogueItem("Known")
        case.send(BUSY, "unknown")
        case.send(BUSY, "known")
        await until(lambda: case.written == ["theirs/0/1"])
        await until(lambda: case.rejected == ["theirs/0/0"])


async def test_the_group_is_not_kept_waiting_while_earlier_owners_are_shut_out() -> None:
    case = Case()
    case.items["known"] = CatalogueItem("Known")
    case.send(QUIET, "known")
    case.let_in.clear()
    async with case.reading():  # it would not come here
        assert case.partitions.owned == set()
        case.let_in.set()
        await until(lambda: case.written == ["theirs/1/0"])


async def test_partitions_that_go_while_they_are_taken_are_not_owned() -> None:
    case = Case()
    case.let_in.clear()
    async with case.reading():
        await case.partitions.on_partitions_revoked(case.logs)
        case.let_in.set()
        await asyncio.sleep(0)
        assert case.partitions.owned == set()
        assert not case.partitions.joined
        await case.partitions.on_partitions_assigned([BUSY])
        await until(lambda: case.partitions.owned == {BUSY})


async def test_an_activity_is_in_its_events_trace_also_if_the_event_had_to_wait() -> None:
    traces = Traces()
    case = Case(traces.tracing)
    case.items["known"] = CatalogueItem("Known")
    async with case.reading():
        case.send(BUSY, "known", ("traceparent", parent(1)))
        case.send(BUSY, "late", ("traceparent", parent(2)))
        case.send(BUSY, "known")
        case.send(BUSY, "never", ("traceparent", parent(3)))
        await until(lambda: len(case.written) == 2)
        case.items["late"] = CatalogueItem("Late")
        await until(lambda: case.rejected == ["theirs/0/3"])
    handed = {dict(one.headers)["source"]: dict(one.headers) for one in case.sent}
    assert "traceparent" not in handed[b"theirs/0/2"]
    for offset, number in ((0, 1), (1, 2)):
        last = traces.of(number)[-1]
        assert handed[b"theirs/0/%d" % offset]["traceparent"].split(b"-")[1:3] == [
            b"%032x" % number,
            b"%016x" % last.context.span_id,
        ]
    outcomes = [[one.attributes["journeys.outcome"] for one in traces.of(n)] for n in (1, 2, 3)]
    assert outcomes == [["mapped"], ["mapped", "released"], ["mapped", "rejected"]]
    assert traces.of(3)[-1].status.description == "unknown_item"
