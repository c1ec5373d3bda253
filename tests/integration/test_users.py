"""`journeys users` beside a broker: whatever happens, the rows are the fold of `journeys`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.records import encode
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics, journey_key
from tests.support.published import publish_sample, sample
from tests.support.users import UsersProcess, standing, wanted
from tests.support.workers import send, until


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """Starts the service, in a folder of its own each time if another is not named."""
    running: list[UsersProcess] = []

    def started(folder: str = "state", store: str = "rocksdb") -> UsersProcess:
        state = {"data_dir": tmp_path / folder, "store": store}
        running.append(UsersProcess(settings, tmp_path, **state))
        return running[-1]

    yield started
    for one in running:
        one.kill()


def test_rows_are_the_fold_of_journeys_whoever_is_killed(settings: Settings, start: Any) -> None:
    admin.create(settings)
    topics = Topics.of(settings)
    first, other = start("first"), start("other", "memory")
    publish_sample(settings)
    rows = wanted(settings)
    assert len(rows) > 3

    def come_to(what: str) -> None:
        until(lambda: standing(settings) == wanted(settings), what, every=0.5)

    come_to("rows are there")
    for one in (first, other):
        one.wait_ready()
        assert "ready, 2 partitions" in one.get("/readyz")[1]
    first.kill()
    # While it is away: some journeys go, one user has none left, one has a new name.
    gone, renamed = sorted({one.user_id for one in sample().journeys})[:2]
    last = {one.journey.journey_id: one for one in sample().journeys}
    send(
        settings,
        [
            *(
                (journey_key(gone, one.journey.journey_id), None)
                for one in last.values()
                if one.user_id == gone
            ),
            *(
                (
                    journey_key(renamed, one.journey.journey_id),
                    encode(msgspec.structs.replace(one, name="Another")),
                )
                for one in last.values()
                if one.user_id == renamed
            ),
        ],
        topics.journeys,
    )
    come_to("the other does the work of both")
    assert gone not in standing(settings)
    assert b'"name":"Another"' in standing(settings)[renamed]
    # A row of an owner who was late, and what no owner would write: put right.
    send(
        settings,
        [(renamed.encode(), rows[renamed]), (gone.encode(), rows[gone])],
        topics.user_journeys,
    )
    come_to("late rows are put right")
    written = len(standing(settings))
    again = start("first")
    again.wait_ready()
    until(lambda: "ready, 2 partitions" in again.get("/readyz")[1], "both share again")
    come_to("nothing has changed")
    assert again.count("journeys_users_rows_total") == 0, "what stands is not written again"
    assert other.stop() == 0
    until(lambda: "ready, 4 partitions" in again.get("/readyz")[1], "it has all")
    assert len(standing(settings)) == written
