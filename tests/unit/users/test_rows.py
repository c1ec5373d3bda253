"""Rows are the fold of `journeys`: whatever the batches, the repeats and the owners were."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from kafka import TopicPartition

from models.records import JOURNEY_NAMESPACE, CurrentJourney, change_data, encode
from models.user_journeys import line_of, row_of
from streams.kafka.partitioning import partition_of
from streams.query.copy import Position
from streams.service.metrics import ROWS_WRITTEN, USERS, Metrics
from streams.settings import Settings
from streams.users.shares import Shares
from streams.users.store import Latest, Rows, opened
from tests.support.published import sample
from tests.support.records import CHANGES, JOURNEYS
from tests.support.users import fold

TOPIC, PARTITIONS = "user-journeys", 2
AGAIN = examples(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Record(NamedTuple):
    """A row as a consumer gives it."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None


class Log:
    """`user-journeys`, as a broker has it."""

    def __init__(self) -> None:
        self.parts: list[list[Record]] = [[] for _ in range(PARTITIONS)]

    def append(self, key: bytes, value: bytes | None, partition: int) -> Record:
        part = self.parts[partition]
        part.append(Record(partition, len(part), key, value))
        return part[-1]

    def rows(self) -> dict[str, bytes]:
        last = {one.key.decode(): one.value for part in self.parts for one in part}
        return {user_id: value for user_id, value in last.items() if value is not None}


class Acknowledged(NamedTuple):
    offset: int

    def get(self, timeout: float) -> "Acknowledged":
        return self


class Group:
    """A consumer and a producer, as one instance has them; the test deals partitions out."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.listener: Any = None
        self.at: dict[int, int] = {}

    def subscribe(self, topics: Sequence[str], listener: Any) -> None:
        self.listener = listener

    def deal(self, *numbers: int) -> None:
        where = [TopicPartition(TOPIC, number) for number in numbers]
        self.listener.on_partitions_revoked([])
        self.listener.on_partitions_assigned(where)
        self.at = dict.fromkeys(numbers, 0)

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Record]]:
        found = {n: self.log.parts[n][at : at + 3] for n, at in self.at.items()}
        self.at = {n: at + len(found[n]) for n, at in self.at.items()}
        return {TopicPartition(TOPIC, n): some for n, some in found.items() if some}

    def seek(self, where: TopicPartition, offset: int) -> None:
        self.at[where.partition] = offset

    def seek_to_beginning(self, where: TopicPartition) -> None:
        self.at[where.partition] = 0

    def position(self, where: TopicPartition) -> int:
        return self.at[where.partition]

    def send(self, topic: str, value: bytes | None, key: bytes, partition: int) -> Acknowledged:
        return Acknowledged(self.log.append(key, value, partition).offset)

    def flush(self, timeout: float) -> None:
        pass


class Instance:
    """The service without Kafka: its copy of `journeys`, and what it makes of it."""

    def __init__(self, path: Path, journeys: list[Latest], log: Log) -> None:
        self.journeys = journeys
        self.store = Rows(path)
        self.read = max((at.next for at in self.store.positions("j").values()), default=0)
        self.group, self.metrics = Group(log), Metrics(USERS)
        self.changed: set[str] = set()

        def ends() -> tuple[list[int], list[int]]:
            return [len(part) for part in log.parts], [len(journeys)]

        self.shares = Shares(
            *(TOPIC, PARTITIONS, ends, self.group, self.group, 1.0, self.store, self.metrics)
        )

    def take(self, count: int) -> None:
        some = self.journeys[self.read : self.read + count]
        self.read += len(some)
        self.store.add(some, "j", {0: Position("id", self.read, 0.0)})
        self.changed.update(one.user_id for one in some)

    def turn(self) -> None:
        changed, self.changed = self.changed, set()
        self.shares.turn(changed, lambda _: self.read)

    def finish(self) -> None:
        self.take(len(self.journeys))
        for _ in range(200):
            self.turn()
        assert all(share.ready and share.looked is None for share in self.shares.owned.values())

    def written(self) -> float:
        return sum(self.metrics.value(ROWS_WRITTEN, kind) for kind in ("row", "tombstone"))


def latest(one: CurrentJourney) -> Latest:
    return Latest(one.user_id, one.journey.journey_id, one.updated_at, line_of(one))


def without(journeys: Sequence[CurrentJourney], erased: set[str]) -> list[CurrentJourney]:
    return [one for one in journeys if one.journey.journey_id not in erased]


@AGAIN
@given(data=st.data())
def test_any_batches_any_repeats_and_any_owners_come_to_the_fold(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    published = sample().journeys[:120]
    erased = data.draw(st.sets(st.sampled_from([one.journey.journey_id for one in published])))
    gone = {one.journey.journey_id: one.user_id for one in published}
    journeys = [*map(latest, published), *(Latest(gone[name], name) for name in sorted(erased))]
    last = {one.journey.journey_id: one for one in without(published, erased)}
    wanted = fold(last.values())
    log, folder = Log(), tmp_path_factory.mktemp("rows")
    paths = [folder / "False", folder / "True"]
    running = [Instance(path, journeys, log) for path in paths]
    running[0].group.deal(*range(PARTITIONS))
    kinds = st.sampled_from(["take", "turn", "deal", "kill", "lose", "stray"])
    for step, which in data.draw(st.lists(st.tuples(kinds, st.booleans()), max_size=25)):
        one = running[which]
        if step == "take":
            one.take(data.draw(st.integers(1, 50)))
        elif step == "turn":
            one.turn()
        elif step == "deal":
            mine = data.draw(st.sets(st.sampled_from(range(PARTITIONS))))
            one.group.deal(*mine)
            running[not which].group.deal(*set(range(PARTITIONS)) - mine)
        elif step == "stray":  # an owner who was late, or a stranger
            user_id = data.draw(st.sampled_from(sorted({each.user_id for each in published})))
            log.append(user_id.encode(), b"{}", partition_of(user_id.encode(), PARTITIONS))
        else:
            owned = list(one.group.at)
            one.store.close()
            if step == "lose":
                paths[which] = folder / f"{which}-{len(list(folder.iterdir()))}"
            running[which] = Instance(paths[which], journeys, log)
            running[which].group.deal(*owned)
    for _ in range(60):  # all is well, and then a late row comes
        for one in running:
            one.take(50)
            one.turn()
    late = published[0].user_id.encode()
    log.append(late, b"{}", partition_of(late, PARTITIONS))
    for one in running:
        one.finish()
    assert log.rows() == wanted
    written = [one.written() for one in running]
    for one in running:
        one.finish()
        one.store.close()
    assert [one.written() for one in running] == written, "what stands is left alone"


def test_a_row_is_flat_and_holds_what_lives_in_the_order_of_its_ranks(tmp_path: Path) -> None:
    (row,) = fold(JOURNEYS).values()
    told = json.loads(row)
    assert told["user_id"] == "élif"
    assert [one["journey_id"] for one in told["journeys"]] == ["j1"], "what has ended is in no row"
    (one,) = told["journeys"]
    assert one == {
        "journey_id": "j1",
        "journey_uuid": str(uuid5(JOURNEY_NAMESPACE, "j1")),
        "name": "Growing vegetables",
        "name_source": "llm",
        "stage": "active",
        "kind": "evergreen",
        "theme": "Garden, kitchen",
        "rank": 1,
        "strength": 12.5,
        "confidence": 0.9876,
        "started_at": 1_700_000_000_000,
        "last_active_at": 1_701_000_000_000,
        "activities": 31,
    }
    for value in fold(sample().journeys).values():
        places = [one["rank"] for one in json.loads(value)["journeys"]]
        assert places == list(range(1, len(places) + 1))


def test_of_two_that_were_first_the_later_one_is() -> None:
    line = line_of(JOURNEYS[0])
    assert line is not None
    other = msgspec.structs.replace(line, journey_id="j9")
    unranked = msgspec.structs.replace(line, journey_id="j0", rank=1 << 30)
    row = row_of("u", [(9, unranked), (5, line), (7, other)])
    assert row is not None
    assert [(one.journey_id, one.rank) for one in row.journeys] == [("j9", 1), ("j1", 2), ("j0", 3)]
    assert row.updated_at == 9
    assert row_of("u", []) is None


def test_the_uuid_is_the_same_in_every_record() -> None:
    told = change_data(CHANGES[1]).journey_uuid
    assert told == str(uuid5(UUID("be31f46a-ffe0-4809-9fc5-0fff2c994b63"), "j1")), "for good"
    for one in sample().journeys[:5]:
        assert json.loads(encode(one))["journey_uuid"] == str(
            uuid5(JOURNEY_NAMESPACE, one.journey.journey_id)
        )


def test_two_processes_of_a_machine_have_a_copy_each(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path)
    with opened(settings) as one, opened(settings) as other:
        one.add([latest(JOURNEYS[0])], "j", {0: Position("id", 1, 0.0)})
        assert other.wanted("élif") is None
    with opened(settings) as again:
        assert again.wanted("élif") == fold(JOURNEYS)["élif"]
        assert again.positions("j")[0].next == 1
