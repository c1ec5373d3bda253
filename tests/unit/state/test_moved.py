"""State between a file and a store: the same as before, by another encoder, of every version."""

from base64 import b64decode
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.remade import remake
from models.engine.users import UserState
from models.errors import SettingsError, SnapshotError
from models.vectors import Vector
from streams.kafka.partitioning import PARTITIONERS
from streams.move import file
from streams.move.exporting import found
from streams.move.file import FORMAT, Header, Line, Source, User
from streams.move.importing import marks, moved
from streams.move.placing import Placed, partitioner_of, places
from streams.move.starting import Start
from streams.state.lives import Erased
from streams.state.partition import Mark
from streams.state.store import MemoryParts
from tests.support.lives import Life

DATA = Path(__file__).parents[2] / "data" / "state"
STAYS = Start(True, {}, {})
MOVES = Start(False, {0: 0, 1: 7}, {0: 0, 1: 0})


def lived(weeks: int = 8) -> Life:
    life = Life()
    for week in range(weeks):
        life.weekly(range(week, week + 1), 1)
        life.weekly(range(week, week + 1), 4)
    return life


def kept(user: UserState) -> MemoryParts:
    parts = MemoryParts()
    parts.write(snapshot.whole(user), 0)
    return parts


def header(*sources: Source) -> Header:
    return Header(FORMAT, "e@1", 1, "g", "b", "activities", "", list(sources), 0)


def test_a_file_gives_back_what_was_put_in_and_one_that_was_cut_is_refused(tmp_path: Path) -> None:
    life = lived()
    life.user.applied = {3: 17}
    (line,) = found(3, kept(life.user))
    lines: list[Line] = [header(Source(Mark(offset=17), Erased())), line]
    path = tmp_path / "state"
    file.write(path, lines)
    assert file.header_of(path) == lines[0]
    assert list(file.read(path))[:2] == lines
    assert isinstance(line, User)
    assert dict(moved(line, STAYS, None)[0]) == dict(kept(life.user).items())
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:-1]) + b"\n")
    with pytest.raises(SnapshotError, match="not whole"):
        file.header_of(path)


def test_offsets_of_another_log_are_forgotten_and_ids_are_not() -> None:
    life = lived()
    user = Engine().new_user("u", 3)
    user.clusters, user.numbers, user.given = life.user.clusters, life.user.numbers, 2
    user.applied = {3: 17}
    (line,) = found(3, kept(user))
    assert isinstance(line, User)
    there = snapshot.load(Engine(), "u", dict(moved(line, MOVES, None)[0]).get)
    assert (there.applied, there.salt, there.prefix) == ({}, 3, user.prefix)


def test_time_has_come_as_far_as_on_the_source_that_is_last() -> None:
    sources = [Source(Mark(offset=n, watermark=100 - n, stamp=n), Erased(n, n)) for n in (3, 9)]
    to = {Placed("a", 0): 1, Placed("b", 1): 1}
    there = marks(header(*sources), MOVES, to)
    assert there[1] == Source(Mark(offset=6, watermark=91, stamp=9), Erased(-1, 9))
    assert there[0] == Source(Mark(offset=-1), Erased(-1, 9))


@pytest.mark.parametrize("name", PARTITIONERS)
def test_users_go_where_their_producer_puts_them(name: str) -> None:
    rule = PARTITIONERS[name]
    users = [Placed(f"u{n}", rule(f"u{n}".encode(), 4)) for n in range(50)]
    told = partitioner_of(users, 4, None)
    assert places(users, told, 6) == {user: rule(user.user_id.encode(), 6) for user in users}


def test_users_whom_producers_put_on_two_partitions_are_refused() -> None:
    halves = [Placed("u", 0), Placed("u", 1), Placed("u", 2), Placed("u", 3)]
    with pytest.raises(SettingsError, match="--partitioner"):
        partitioner_of(halves, 4, None)
    with pytest.raises(SettingsError, match="cannot be made one"):
        places(halves, PARTITIONERS["murmur2"], 6)


def test_another_encoder_makes_means_of_titles_and_what_has_none_is_counted() -> None:
    life = lived()
    for item in life.user.clusters[1].exemplars:
        item.title = ""

    def encode(titles: list[str]) -> list[Vector | None]:
        one = np.eye(1, 24, dtype=np.float32)[0]
        return [one if title else None for title in titles]

    ids = [life.user.journey_id(cluster.number) for cluster, _ in life.user.journeys()]
    assert len(ids) == 2
    assert remake(life.user, encode, 24) == 1  # type: ignore[arg-type]
    user = snapshot.load(Engine(), "u", kept(life.user).get)
    assert [user.journey_id(cluster.number) for cluster, _ in user.journeys()] == ids
    assert user.numbers.direction(0)[0] == pytest.approx(1, abs=0.01)
    row, score, _ = user.numbers.nearest(life.engine.params, encode(["t"])[0], user.latest)  # type: ignore[arg-type]
    assert (row, score > 0) == (0, True)
    assert not user.numbers.mean(1).any()


@pytest.mark.parametrize("path", sorted(DATA.glob("version-*.json")), ids=lambda path: path.stem)
def test_state_that_an_earlier_version_wrote_is_read_and_moves_on_as_today_s(path: Path) -> None:
    """Each file was written by the code of its time (what wrote it is in `git log` of the file)."""
    stored = msgspec.json.decode(path.read_bytes())
    parts = MemoryParts()
    parts.write([(b64decode(key), b64decode(value)) for key, value in stored["parts"]], 0)
    (line,) = found(3, parts)
    assert isinstance(line, User)
    user = snapshot.load(Engine(), "u", dict(moved(line, STAYS, None)[0]).get)
    assert [user.journey_id(cluster.number) for cluster, _ in user.journeys()] == stored["journeys"]
    assert [cluster.count for cluster in user.clusters] == stored["activities"]
    assert user.applied == {3: 32}


def test_there_is_a_file_of_every_version_that_is_read() -> None:
    there = {msgspec.json.decode(path.read_bytes())["version"] for path in DATA.iterdir()}
    assert there == set(snapshot.READ) - {snapshot.APART}, "APART is a header of today's, elsewhere"
