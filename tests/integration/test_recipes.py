"""The scripts of `docker/recipes/`, as they stand there, each beside the store that it fills."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import psycopg
import pyarrow.parquet as pq
import pytest
import redis
from qdrant_client import QdrantClient

from models.records import CurrentJourney, encode, journey_uuid
from streams.demo.broker import EmbeddedBroker, free_port
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics, journey_key
from tests.support import processes
from tests.support.containers import DOCKER
from tests.support.published import ENCODER, publish_sample, sample
from tests.support.users import fold
from tests.support.workers import send, until

RECIPES: Final = DOCKER / "recipes"
LAST: Final = {one.journey.journey_id: one for one in sample().journeys}
ROWS: Final = fold(LAST.values())
GONE, *_ = sorted(ROWS)


class Recipe:
    """A script that runs until it is killed."""

    def __init__(
        self, name: str, settings: Settings, topic: str, folder: Path, **to: object
    ) -> None:
        self.log = folder / f"{name}.log"
        ours = {"BROKER": settings.broker, "TOPIC": topic, "GROUP": f"{settings.group}-recipe"}
        with self.log.open("ab") as log:
            self.process = processes.start(
                [sys.executable, str(RECIPES / name)],
                env=os.environ | ours | {key: str(value) for key, value in to.items()},
                stdout=log,
                stderr=log,
            )

    def until(self, holds: Any, what: str) -> None:
        def checked() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            return bool(holds())

        until(checked, what, every=0.3)

    def count(self) -> int:
        """How many records it says that it has applied, all its runs together."""
        return sum(int(line.split()[0]) for line in self.log.read_text().splitlines())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A broker for all recipes: what they are about is the stores."""
    with EmbeddedBroker() as broker:
        yield broker.address


@pytest.fixture
def settings(address: str) -> Settings:
    name = f"t{uuid.uuid4().hex[:12]}"
    return Settings.load(broker=address, topic_prefix=f"{name}-", group=name)


def put_rows(settings: Settings, rows: dict[str, bytes | None]) -> None:
    topic = Topics.of(settings).user_journeys
    send(settings, ((user_id.encode(), row) for user_id, row in rows.items()), topic)


def tool(name: str, package: str) -> str:
    """The path of a server; a test that wants it is skipped where it is not."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *map(str, folders)]))
    if found is None:
        pytest.skip(f"needs {name} (on Debian: apt-get install {package})")
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[str, redis.Redis]]:
    """A real Redis: its url and a client."""
    port = free_port()
    command = [tool("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    processes.start([*command, "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    with redis.Redis.from_url(url) as client:

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        until(answers, "Redis answers")
        yield url, client


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A real PostgreSQL, as a user that is not root: what to connect by."""
    initdb, server = (tool(name, "postgresql") for name in ("initdb", "postgres"))
    if os.getuid() == 0:  # which it refuses
        shutil.chown(folder, "nobody")
        drop: dict[str, Any] = {"user": "nobody", "group": "nogroup", "cwd": "/", "env": {}}
    else:
        drop = {}
    data = folder / "data"
    made = subprocess.run(
        [initdb, "-D", str(data), "-U", "crm", "-A", "trust", "--no-sync", "-E", "UTF8",
         "--locale", "C"], capture_output=True, text=True, **drop
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    port = free_port()
    options = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
    with (folder / "log").open("wb") as log:
        process = processes.start([server, *options], stdout=log, stderr=log, **drop)
    url = f"postgresql://crm@127.0.0.1:{port}/postgres"

    def answers() -> bool:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    until(answers, "PostgreSQL answers")
    try:
        yield url
    finally:
        process.send_signal(signal.SIGINT)  # at SIGTERM it waits for who is connected
        process.wait()


def test_redis_has_each_users_row(
    settings: Settings, store: tuple[str, redis.Redis], tmp_path: Path
) -> None:
    admin.create(settings)
    url, client = store

    def held() -> dict[str, Any]:
        keys = list(client.scan_iter("journeys:*"))
        return {key.decode().removeprefix("journeys:"): client.get(key) for key in keys}

    where = ("redis_rows.py", settings, Topics.of(settings).user_journeys, tmp_path)
    put_rows(settings, dict(ROWS))
    recipe = Recipe(*where, REDIS_URL=url)
    recipe.until(lambda: held() == ROWS, "all rows are there")
    recipe.kill()
    put_rows(settings, {GONE: None})
    again = Recipe(*where, REDIS_URL=url)
    again.until(lambda: GONE not in held(), "who has none is gone")
    assert held() == {user_id: row for user_id, row in ROWS.items() if user_id != GONE}


def test_postgres_has_each_journey(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    with (
        # Not under `tmp_path`, whose folders are closed to the user that the server is.
        TemporaryDirectory(prefix="journeys-postgres-") as folder,
        postgres(Path(folder)) as url,
        psycopg.connect(url, autocommit=True) as database,
    ):
        columns = "user_id, journey_uuid::text, rank, name, theme, extract(epoch from started_at)"

        def held() -> set[tuple[Any, ...]]:
            (there,) = database.execute("SELECT to_regclass('user_journeys')").fetchall()
            if there[0] is None:
                return set()
            return set(database.execute(f"SELECT {columns} FROM user_journeys").fetchall())

        def wanted(rows: dict[str, bytes]) -> set[tuple[Any, ...]]:
            return {
                (
                    *(told["user_id"], one["journey_uuid"], one["rank"], one["name"]),
                    *(one["theme"], one["started_at"] / 1000),
                )
                for told in map(json.loads, rows.values())
                for one in told["journeys"]
            }

        def exactly(rows: dict[str, bytes]) -> bool:
            return {(*one[:5], float(one[5])) for one in held()} == wanted(rows)

        where = ("postgres_rows.py", settings, Topics.of(settings).user_journeys, tmp_path)
        put_rows(settings, dict(ROWS))
        recipe = Recipe(*where, DATABASE_URL=url)
        recipe.until(lambda: exactly(ROWS), "all journeys are there")
        recipe.kill()
        # One user has none left; of another, one is gone and one has a name of bad signs.
        other = sorted(ROWS)[1]
        told = json.loads(ROWS[other])
        told["journeys"] = told["journeys"][1:]
        told["journeys"][0]["name"] = "Robert'); DROP TABLE user_journeys; --"
        put_rows(settings, {GONE: None, other: encode(told)})
        rows = {user_id: row for user_id, row in ROWS.items() if user_id != GONE}
        again = Recipe(*where, DATABASE_URL=url)
        again.until(lambda: exactly(rows | {other: encode(told)}), "rows are replaced")


def test_features_are_lines_with_their_times(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    folder = tmp_path / "features"
    put_rows(settings, dict(ROWS))
    put_rows(settings, {GONE: None})
    where = ("feature_table.py", settings, Topics.of(settings).user_journeys, tmp_path)
    recipe = Recipe(*where, FOLDER=folder)
    recipe.until(lambda: recipe.count() == len(ROWS) + 1, "all is read")
    lines = pq.read_table(folder).to_pylist()
    assert len(lines) == len(ROWS) + 1
    told = json.loads(ROWS[sorted(ROWS)[1]])
    (line,) = [one for one in lines if one["user_id"] == told["user_id"]]
    top = told["journeys"][0]
    assert line["journeys"] == len(told["journeys"])
    assert (line["top_name"], line["top_theme"]) == (top["name"], top["theme"])
    assert line["event_timestamp"].timestamp() * 1000 == told["updated_at"]
    assert abs(line["created_timestamp"].timestamp() - time.time()) < 600
    (last,) = [one for one in lines if one["user_id"] == GONE and not one["journeys"]]
    assert last["top_name"] is None


def test_qdrant_finds_journeys_that_are_near(settings: Settings, tmp_path: Path) -> None:
    admin.create(settings)
    topic, path = Topics.of(settings).journeys, tmp_path / "qdrant"
    publish_sample(settings)
    living = [one for one in LAST.values() if one.journey.stage in ("active", "dormant")]
    erased, private, ended, *others = living
    changed: list[tuple[CurrentJourney, CurrentJourney | None]] = [
        (erased, None),
        (private, with_view(private, items=[], terms={}, vector=[])),
        (ended, with_view(ended, stage="ended")),
    ]
    send(
        settings,
        (
            (journey_key(one.user_id, one.journey.journey_id), None if now is None else encode(now))
            for one, now in changed
        ),
        topic,
    )
    recipe = Recipe("qdrant_vectors.py", settings, topic, tmp_path, QDRANT_PATH=path)
    recipe.until(lambda: recipe.count() == len(sample().journeys) + len(changed), "all is read")
    recipe.kill()
    client = QdrantClient(path=str(path))
    try:
        (collection,) = client.get_collections().collections
        assert collection.name == f"journeys-{ENCODER.replace('@', '-')}"
        points, _ = client.scroll(collection.name, limit=1_000)
        assert {one.id for one in points} == {journey_uuid(o.journey.journey_id) for o in others}
        asked = others[0]
        found = client.query_points(collection.name, query=asked.journey.vector, limit=3).points
        assert found[0].id == journey_uuid(asked.journey.journey_id)
        assert found[0].payload is not None
        assert found[0].payload["name"] == asked.name
        assert found[0].payload["user_id"] == asked.user_id
    finally:
        client.close()


def with_view(one: CurrentJourney, **changes: Any) -> CurrentJourney:
    view = msgspec.structs.replace(one.journey, **changes)
    return msgspec.structs.replace(one, journey=view)
